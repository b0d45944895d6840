#include "pipe.hpp"

#include "peer.hpp"

#include <memory>
#include <vector>

namespace localsocket::detail::windows_backend {
namespace {

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

namespace {

/// The security descriptor's text: this user and SYSTEM may do everything, and everyone, if so asked, may connect.
std::wstring descriptor_text(const ListenOptions& options, std::error_code& ec) {
  if (!options.windows.sddl.empty()) return to_wide(options.windows.sddl);
  const std::wstring user = to_wide(current_user(ec));
  // The owner by name: an administrator's objects would else belong to the group of administrators. P: nothing is
  // inherited.
  std::wstring text = L"O:" + user + L"D:P(A;;FA;;;SY)(A;;FA;;;" + user + L")";
  // Everyone may read and write, but not FILE_CREATE_PIPE_INSTANCE (4), which would let others serve the name as well.
  // Clients need not have it, although GENERIC_WRITE contains it ("Named Pipe Security and Access Rights").
  if (options.access == Access::everyone) text += L"(A;;0x12019b;;;WD)";
  return text;
}

DWORD access_of_server(Direction direction) noexcept {
  switch (direction) {
    case Direction::duplex:
      break;
    case Direction::client_to_server:
      return PIPE_ACCESS_INBOUND;
    case Direction::server_to_client:
      return PIPE_ACCESS_OUTBOUND;
  }
  return PIPE_ACCESS_DUPLEX;
}

// With what else GetNamedPipeInfo and SetNamedPipeHandleState ask for (their documentation).
DWORD access_of_client(Direction direction) noexcept {
  switch (direction) {
    case Direction::duplex:
      break;
    case Direction::client_to_server:
      return GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    case Direction::server_to_client:
      return GENERIC_READ | FILE_WRITE_ATTRIBUTES;
  }
  return GENERIC_READ | GENERIC_WRITE;
}

/// CreateFile's flags for what the server may do in our name; without SECURITY_SQOS_PRESENT it could act as us.
DWORD quality_of_service(Impersonation impersonation) noexcept {
  switch (impersonation) {
    case Impersonation::identification:
      break;
    case Impersonation::anonymous:
      return SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS;
    case Impersonation::impersonation:
      return SECURITY_SQOS_PRESENT | SECURITY_IMPERSONATION;
    case Impersonation::delegation:
      return SECURITY_SQOS_PRESENT | SECURITY_DELEGATION;
  }
  return SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
}

Handle open(const std::wstring& name, DWORD access, DWORD flags, SECURITY_ATTRIBUTES* security,
            std::error_code& ec) noexcept {
  Handle pipe(sys("CreateFileW", ::CreateFileW, name.c_str(), access, DWORD{0}, security, DWORD{OPEN_EXISTING}, flags,
                  HANDLE{nullptr}));
  if (!pipe.is_open()) ec = last_error(Operation::connect);
  return pipe;
}

}  // namespace

PipeMaker::PipeMaker(std::wstring name, const ListenOptions& options, std::error_code& ec)
    : name_(std::move(name)), is_inheritable_(options.windows.inheritable) {
  const WindowsListenOptions& windows = options.windows;
  const std::size_t buffer_size = options.buffer_size.value_or(default_buffer_size);
  in_buffer_size_ = static_cast<DWORD>(windows.in_buffer_size.value_or(buffer_size));
  out_buffer_size_ = static_cast<DWORD>(windows.out_buffer_size.value_or(buffer_size));
  open_mode_ = access_of_server(options.direction) | FILE_FLAG_OVERLAPPED |
               (windows.write_through ? FILE_FLAG_WRITE_THROUGH : 0);
  pipe_mode_ = (windows.half_close ? PIPE_TYPE_MESSAGE : PIPE_TYPE_BYTE) | PIPE_READMODE_BYTE | PIPE_WAIT |
               (windows.accept_remote ? PIPE_ACCEPT_REMOTE_CLIENTS : PIPE_REJECT_REMOTE_CLIENTS);
  const std::wstring text = descriptor_text(options, ec);
  if (ec) return;
  void* descriptor = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &descriptor, nullptr)) {
    descriptor_.reset(descriptor);
  } else {
    ec = native_error(Operation::bind, ERROR_INVALID_PARAMETER);  // the text does not parse
  }
}

Handle PipeMaker::make(bool first, std::error_code& ec) const noexcept {
  SECURITY_ATTRIBUTES security{sizeof security, descriptor_.get(), is_inheritable_};
  const DWORD open_mode = open_mode_ | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
  Handle pipe(sys("CreateNamedPipeW", ::CreateNamedPipeW, name_.c_str(), open_mode, pipe_mode_,
                  DWORD{PIPE_UNLIMITED_INSTANCES}, out_buffer_size_, in_buffer_size_, DWORD{0}, &security));
  if (!pipe.is_open()) {
    ec = last_error(Operation::bind);
  } else if (first && is_not_alone(pipe.get())) {
    ec = native_error(Operation::bind, ERROR_ACCESS_DENIED);
    pipe = Handle();
  }
  return pipe;
}

Handle open_client(const std::wstring& name, const ConnectOptions& options, std::error_code& ec) noexcept {
  return open(name, access_of_client(options.direction),
              FILE_FLAG_OVERLAPPED | quality_of_service(options.windows.impersonation), nullptr, ec);
}

Handle open_client_for_child(const std::wstring& name, const ConnectOptions& options, std::error_code& ec) noexcept {
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  return open(name, access_of_client(Direction::client_to_server), quality_of_service(options.windows.impersonation),
              &inheritable, ec);
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

bool is_message_type(HANDLE pipe) noexcept {
  DWORD flags = 0;
  const auto nothing = LPDWORD{nullptr};
  return sys("GetNamedPipeInfo", ::GetNamedPipeInfo, pipe, &flags, nothing, nothing, nothing) &&
         (flags & PIPE_TYPE_MESSAGE) != 0;
}

DWORD write_buffer_size(HANDLE pipe) noexcept {
  DWORD flags = 0;
  DWORD out = 0;  // both seen from the server
  DWORD in = 0;
  if (!sys("GetNamedPipeInfo", ::GetNamedPipeInfo, pipe, &flags, &out, &in, LPDWORD{nullptr})) return 0;
  return (flags & PIPE_SERVER_END) != 0 ? out : in;
}

}  // namespace localsocket::detail::windows_backend
