#include "pipe.hpp"

#include <memory>
#include <vector>

namespace localsocket::detail::windows_room {
namespace {

/// The user that this process runs as, as text (S-1-5-21-…).
std::wstring current_user(std::error_code& ec) {
  HANDLE raw = nullptr;
  if (!sys("OpenProcessToken", ::OpenProcessToken, ::GetCurrentProcess(), DWORD{TOKEN_QUERY}, &raw)) {
    ec = last_error(Operation::other);
    return {};
  }
  const Handle token(raw);
  alignas(TOKEN_USER) std::byte buffer[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof buffer;
  wchar_t* text = nullptr;
  if (!sys("GetTokenInformation", ::GetTokenInformation, token.get(), TokenUser, static_cast<void*>(buffer), size,
           &size) ||
      !::ConvertSidToStringSidW(reinterpret_cast<const TOKEN_USER*>(buffer)->User.Sid, &text)) {
    ec = last_error(Operation::other);
    return {};
  }
  std::wstring result(text);
  ::LocalFree(text);
  return result;
}

/// Whether somebody else's instance of the name was there before ours, which is new. Windows has refused ours then;
/// where that is not enforced (Wine) the count of instances tells.
bool is_not_alone(HANDLE pipe) noexcept {
  DWORD instances = 0;
  return sys("GetNamedPipeHandleStateW", ::GetNamedPipeHandleStateW, pipe, LPDWORD{nullptr}, &instances,
             LPDWORD{nullptr}, LPDWORD{nullptr}, LPWSTR{nullptr}, DWORD{0}) &&
         instances > 1;
}

/// Two threads on a synchronous handle would wait for each other, so reading would hold up writing.
bool is_overlapped(HANDLE handle) noexcept {
  // No import library has it (its documentation), and FileModeInformation is not in <winternl.h>.
  using Query = NTSTATUS(NTAPI*)(HANDLE, IO_STATUS_BLOCK*, void*, ULONG, int);
  static const auto query = reinterpret_cast<Query>(
      reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationFile")));
  constexpr int file_mode_information = 16;
  constexpr ULONG synchronous = 0x10 | 0x20;  // FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT
  IO_STATUS_BLOCK status{};
  ULONG mode = synchronous;
  return query(handle, &status, &mode, sizeof mode, file_mode_information) >= 0 && (mode & synchronous) == 0;
}

}  // namespace

std::wstring descriptor_text(Access access, std::error_code& ec) {
  const std::wstring user = current_user(ec);
  if (ec) return {};
  // The owner by name: an administrator's objects would else belong to the group of administrators. P: nothing is
  // inherited.
  std::wstring text = L"O:" + user + L"D:P(A;;FA;;;SY)(A;;FA;;;" + user + L")";
  // Everyone may read and write, but not FILE_CREATE_PIPE_INSTANCE (4), which would let others serve the name as well.
  // Clients need not have it, although GENERIC_WRITE contains it ("Named Pipe Security and Access Rights").
  if (access == Access::everyone) text += L"(A;;0x12019b;;;WD)";
  return text;
}

PipeMaker::PipeMaker(std::wstring name, const ListenOptions& options, std::error_code& ec)
    : name_(std::move(name)), buffer_size_(static_cast<DWORD>(options.buffer_size.value_or(default_buffer_size))) {
  const std::wstring text = descriptor_text(options.access, ec);
  if (ec) return;
  void* descriptor = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &descriptor, nullptr)) {
    descriptor_.reset(descriptor);
  } else {
    ec = last_error(Operation::other);
  }
}

Handle PipeMaker::make(bool first, std::error_code& ec) const noexcept {
  SECURITY_ATTRIBUTES security{sizeof security, descriptor_.get(), FALSE};
  const DWORD open_mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
  constexpr DWORD pipe_mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
  Handle pipe(sys("CreateNamedPipeW", ::CreateNamedPipeW, name_.c_str(), open_mode, pipe_mode,
                  DWORD{PIPE_UNLIMITED_INSTANCES}, buffer_size_, buffer_size_, DWORD{0}, &security));
  if (!pipe.is_open()) {
    ec = last_error(Operation::bind);
  } else if (first && is_not_alone(pipe.get())) {
    ec = native_error(Operation::bind, ERROR_ACCESS_DENIED);
    pipe = Handle();
  }
  return pipe;
}

Handle open_client(const std::wstring& name, std::error_code& ec) noexcept {
  // The server may learn who we are, but not act as us.
  constexpr DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
  Handle pipe(sys("CreateFileW", ::CreateFileW, name.c_str(), DWORD{GENERIC_READ | GENERIC_WRITE}, DWORD{0},
                  LPSECURITY_ATTRIBUTES{nullptr}, DWORD{OPEN_EXISTING}, flags, HANDLE{nullptr}));
  if (!pipe.is_open()) ec = last_error(Operation::connect);
  return pipe;
}

std::error_code check_pipe(HANDLE handle, bool should_listen) noexcept {
  if (handle == nullptr || handle == INVALID_HANDLE_VALUE) return error(Operation::other, Errc::closed);
  DWORD flags = 0;
  const auto nothing = LPDWORD{nullptr};
  // GetFileType first: GetNamedPipeInfo may wait for what is no pipe.
  const bool is_pipe = sys("GetFileType", ::GetFileType, handle) == FILE_TYPE_PIPE &&
                       sys("GetNamedPipeInfo", ::GetNamedPipeInfo, handle, &flags, nothing, nothing, nothing) &&
                       is_overlapped(handle);
  if (is_pipe && (!should_listen || (flags & PIPE_SERVER_END) != 0)) return {};
  return error(Operation::other, std::errc::operation_not_supported);
}

DWORD write_buffer_size(HANDLE pipe) noexcept {
  DWORD flags = 0;
  DWORD out = 0;  // both seen from the server
  DWORD in = 0;
  if (!sys("GetNamedPipeInfo", ::GetNamedPipeInfo, pipe, &flags, &out, &in, LPDWORD{nullptr})) return 0;
  return (flags & PIPE_SERVER_END) != 0 ? out : in;
}

}  // namespace localsocket::detail::windows_room
