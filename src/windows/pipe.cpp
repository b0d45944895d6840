#include "pipe.hpp"

#include "account.hpp"
#include "security_descriptor.hpp"

#include <memory>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {
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

DWORD read_mode(bool has_messages) noexcept { return has_messages ? PIPE_READMODE_MESSAGE : PIPE_READMODE_BYTE; }

DWORD type_and_read_mode(bool has_messages) noexcept {
  return (has_messages ? PIPE_TYPE_MESSAGE : PIPE_TYPE_BYTE) | read_mode(has_messages);
}

/// Whether a handle is in the modes of set_modes(), which not everybody may set.
bool has_modes(HANDLE pipe, const PipeInfo& info) noexcept {
  DWORD modes = 0;
  return sys("GetNamedPipeHandleStateW", ::GetNamedPipeHandleStateW, pipe, &modes, LPDWORD{nullptr}, LPDWORD{nullptr},
             LPDWORD{nullptr}, LPWSTR{nullptr}, DWORD{0}) &&
         (modes & (PIPE_READMODE_MESSAGE | PIPE_NOWAIT)) == read_mode(info.has_messages);
}

std::wstring text_for(const ListenOptions& options, std::error_code& ec) {
  const std::string user = current_user(ec);
  if (!options.windows.sddl.empty()) {
    // An administrator's objects would else belong to the group of administrators, and no client would take it for the
    // same user's. No other part of the text has this in it.
    // What does not begin with a part is no descriptor, and is not made one.
    const std::string& sddl = options.windows.sddl;
    const bool begins_with_part = sddl.starts_with("D:") || sddl.starts_with("G:") || sddl.starts_with("S:");
    const bool has_owner = sddl.find("O:") != std::string::npos;
    return to_wide(begins_with_part && !has_owner ? "O:" + user + sddl : sddl);
  }
  std::string group;
  if (!ec && !options.group.empty()) group = sid_of_account(options.group, Operation::bind, ec);
  std::uint32_t integrity = 0;
  if (!ec) integrity = own_integrity(ec);
  if (ec) return {};
  return to_wide(descriptor_text({options.access, group, user, integrity, is_administrator()}));
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
  in_buffer_size_ = mark_size(static_cast<DWORD>(windows.in_buffer_size.value_or(buffer_size)), options.type);
  out_buffer_size_ = mark_size(static_cast<DWORD>(windows.out_buffer_size.value_or(buffer_size)), options.type);
  open_mode_ = access_of_server(options.direction) | FILE_FLAG_OVERLAPPED |
               (windows.write_through ? FILE_FLAG_WRITE_THROUGH : 0);
  pipe_mode_ = type_and_read_mode(windows.half_close || options.type == Type::packets) | PIPE_WAIT |
               (windows.accept_remote ? PIPE_ACCEPT_REMOTE_CLIENTS : PIPE_REJECT_REMOTE_CLIENTS);
  const std::wstring text = text_for(options, ec);
  if (ec) return;
  void* descriptor = nullptr;
  if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &descriptor, nullptr)) {
    descriptor_.reset(descriptor);
  } else {
    ec = native_error(Operation::bind, ERROR_INVALID_PARAMETER);  // the text does not parse
  }
}

void PipeMaker::take_type(const PipeInfo& first) noexcept {
  pipe_mode_ = (pipe_mode_ & ~type_and_read_mode(true)) | type_and_read_mode(first.has_messages);
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

std::optional<PipeInfo> info_of(HANDLE pipe) noexcept {
  DWORD flags = 0;
  DWORD out = 0;  // both seen from the server
  DWORD in = 0;
  if (!sys("GetNamedPipeInfo", ::GetNamedPipeInfo, pipe, &flags, &out, &in, LPDWORD{nullptr})) return std::nullopt;
  const bool is_server_end = (flags & PIPE_SERVER_END) != 0;
  return PipeInfo{is_server_end, (flags & PIPE_TYPE_MESSAGE) != 0, is_marked(out) && is_marked(in),
                  is_server_end ? out : in};
}

bool set_modes(HANDLE pipe, const PipeInfo& info) noexcept {
  DWORD modes = read_mode(info.has_messages) | PIPE_WAIT;
  return sys("SetNamedPipeHandleState", ::SetNamedPipeHandleState, pipe, &modes, LPDWORD{nullptr}, LPDWORD{nullptr}) !=
         FALSE;
}

std::optional<PipeInfo> prepare_pipe(HANDLE handle, bool should_listen, std::error_code& ec) noexcept {
  if (handle == nullptr || handle == INVALID_HANDLE_VALUE) {
    ec = error(Operation::other, Errc::closed);
    return std::nullopt;
  }
  // GetFileType first: GetNamedPipeInfo may wait for what is no pipe.
  std::optional<PipeInfo> info;
  if (sys("GetFileType", ::GetFileType, handle) == FILE_TYPE_PIPE && is_overlapped(handle)) info = info_of(handle);
  const bool is_usable =
      info && (!should_listen || info->is_server_end) && (has_modes(handle, *info) || set_modes(handle, *info));
  if (is_usable) return info;
  ec = error(Operation::other, std::errc::operation_not_supported);
  return std::nullopt;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
