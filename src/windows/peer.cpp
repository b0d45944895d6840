#include "peer.hpp"

#include "backend.hpp"

#include <memory>

namespace localsocket::detail {

bool is_current_user(const PeerIdentity& peer) {
  std::error_code ec;
  const std::string user = windows_backend::current_user(ec);
  return !ec && peer.sid == user;
}

void close_handle(NativeHandle handle) noexcept { const windows_backend::Handle closing(handle); }

namespace windows_backend {
namespace {

std::string text_of(PSID sid, std::error_code& ec) {
  wchar_t* text = nullptr;
  if (!::ConvertSidToStringSidW(sid, &text)) {
    ec = last_error(Operation::other);
    return {};
  }
  std::string result = to_utf8(text);
  ::LocalFree(text);
  return result;
}

std::string user_of(HANDLE token, std::error_code& ec) {
  alignas(TOKEN_USER) std::byte buffer[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof buffer;
  if (!sys("GetTokenInformation", ::GetTokenInformation, token, TokenUser, static_cast<void*>(buffer), size, &size)) {
    ec = last_error(Operation::other);
    return {};
  }
  return text_of(reinterpret_cast<const TOKEN_USER*>(buffer)->User.Sid, ec);
}

/// Of a client: what the server may learn at SECURITY_IDENTIFICATION, by taking its token for a moment.
std::string user_of_client(HANDLE pipe, std::error_code& ec) {
  if (!sys("ImpersonateNamedPipeClient", ::ImpersonateNamedPipeClient, pipe)) {
    ec = last_error(Operation::other);
    return {};
  }
  HANDLE raw = nullptr;
  const bool opened = sys("OpenThreadToken", ::OpenThreadToken, ::GetCurrentThread(), DWORD{TOKEN_QUERY}, TRUE, &raw);
  if (!opened) ec = last_error(Operation::other);
  // To go on as somebody else would be worse than to end.
  if (!sys("RevertToSelf", ::RevertToSelf)) std::terminate();
  const Handle token(raw);
  return opened ? user_of(token.get(), ec) : std::string();
}

/// Of a listener: whom the pipe belongs to.
std::string owner_of(HANDLE pipe, std::error_code& ec) {
  PSID owner = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const DWORD result = sys("GetSecurityInfo", ::GetSecurityInfo, pipe, SE_KERNEL_OBJECT,
                           SECURITY_INFORMATION{OWNER_SECURITY_INFORMATION}, &owner, static_cast<PSID*>(nullptr),
                           static_cast<PACL*>(nullptr), static_cast<PACL*>(nullptr), &descriptor);
  const std::unique_ptr<void, decltype(&::LocalFree)> freer(descriptor, &::LocalFree);
  if (result != ERROR_SUCCESS || owner == nullptr) {
    ec = native_error(Operation::other, static_cast<int>(result != ERROR_SUCCESS ? result : ERROR_ACCESS_DENIED));
    return {};
  }
  return text_of(owner, ec);
}

bool is_server_end(HANDLE pipe) noexcept {
  DWORD flags = 0;
  const auto nothing = LPDWORD{nullptr};
  return sys("GetNamedPipeInfo", ::GetNamedPipeInfo, pipe, &flags, nothing, nothing, nothing) &&
         (flags & PIPE_SERVER_END) != 0;
}

}  // namespace

std::string current_user(std::error_code& ec) {
  HANDLE raw = nullptr;
  if (!sys("OpenProcessToken", ::OpenProcessToken, ::GetCurrentProcess(), DWORD{TOKEN_QUERY}, &raw)) {
    ec = last_error(Operation::other);
    return {};
  }
  const Handle token(raw);
  return user_of(token.get(), ec);
}

PeerIdentity peer_of(HANDLE pipe, std::error_code& ec) {
  PeerIdentity peer;
  const bool is_server = is_server_end(pipe);
  ULONG process = 0;
  const bool known = is_server
                         ? sys("GetNamedPipeClientProcessId", ::GetNamedPipeClientProcessId, pipe, &process) != FALSE
                         : sys("GetNamedPipeServerProcessId", ::GetNamedPipeServerProcessId, pipe, &process) != FALSE;
  if (!known) {
    ec = last_error(Operation::other);
    return peer;
  }
  peer.process_id = process;
  peer.sid = is_server ? user_of_client(pipe, ec) : owner_of(pipe, ec);
  return peer;
}

void check_owner(HANDLE pipe, std::error_code& ec) {
  const std::string owner = owner_of(pipe, ec);
  if (!ec && owner != current_user(ec)) ec = error(Operation::connect, std::errc::permission_denied);
}

}  // namespace windows_backend
}  // namespace localsocket::detail
