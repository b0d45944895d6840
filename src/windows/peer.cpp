#include "peer.hpp"

#include "overlapped.hpp"
#include "pipe.hpp"

#include "backend.hpp"

#include <memory>
#include <optional>

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
  const std::unique_ptr<void, decltype(&::LocalFree)> freer(text, &::LocalFree);
  return to_utf8(text);
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

struct ClientToken {
  Handle token;
  DWORD error = ERROR_SUCCESS;  // as GetLastError()
};

/// What the server may learn of a client at SECURITY_IDENTIFICATION, by acting as the client for a moment. The thread
/// is itself again afterwards, if it was before.
ClientToken token_of_client_here(HANDLE pipe) noexcept {
  ClientToken client;
  if (!sys("ImpersonateNamedPipeClient", ::ImpersonateNamedPipeClient, pipe)) {
    client.error = ::GetLastError();
    return client;
  }
  HANDLE token = nullptr;
  if (sys("OpenThreadToken", ::OpenThreadToken, ::GetCurrentThread(), DWORD{TOKEN_QUERY}, TRUE, &token)) {
    client.token = Handle(token);
  } else {
    client.error = ::GetLastError();
  }
  const auto revert = [] { return sys("RevertToSelf", ::RevertToSelf) != FALSE; };
  // To go on as somebody else would be worse than to end.
  if (!revert() && !revert()) std::terminate();
  return client;
}

/// Whether the calling thread acts as somebody else, which it could not go back to.
bool is_impersonating() noexcept {
  HANDLE token = nullptr;
  const bool has_token =
      sys("OpenThreadToken", ::OpenThreadToken, ::GetCurrentThread(), DWORD{TOKEN_QUERY}, TRUE, &token) != FALSE;
  const DWORD error = ::GetLastError();
  const Handle closing(token);
  return has_token || error != ERROR_NO_TOKEN;
}

ClientToken token_of_client(HANDLE pipe) noexcept {
  if (!is_impersonating()) return token_of_client_here(pipe);
  // A new thread acts as the process.
  ClientToken client;
  Gate unlimited;
  const Wait for_ever;
  Call call(unlimited, for_ever);
  const Completion completion =
      perform_on_helper_thread(call, [&](Completion& /*nothing*/) { client = token_of_client_here(pipe); });
  if (completion.error != ERROR_SUCCESS) client.error = completion.error;
  return client;
}

/// The user of a process, which it may not be for us to know.
std::string user_of_process(DWORD id, std::error_code& ec) {
  const Handle process(sys("OpenProcess", ::OpenProcess, DWORD{PROCESS_QUERY_LIMITED_INFORMATION}, FALSE, id));
  HANDLE token = nullptr;
  if (!process.is_open() || !sys("OpenProcessToken", ::OpenProcessToken, process.get(), DWORD{TOKEN_QUERY}, &token)) {
    ec = error(Operation::other, std::errc::permission_denied);
    return {};
  }
  const Handle closing(token);
  return user_of(token, ec);
}

void identify_client(HANDLE pipe, DWORD process, PeerIdentity& peer, std::error_code& ec) {
  const ClientToken client = token_of_client(pipe);
  switch (client.error) {
    case ERROR_SUCCESS:
      peer.sid = user_of(client.token.get(), ec);
      break;
    case ERROR_CANNOT_IMPERSONATE:   // nothing has been read from the pipe yet
    case ERROR_CANT_OPEN_ANONYMOUS:  // the client has connected with SECURITY_ANONYMOUS
      peer.source = PeerSource::process;
      peer.sid = user_of_process(process, ec);
      break;
    default:
      ec = native_error(Operation::other, static_cast<int>(client.error));
  }
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
  const std::optional<PipeInfo> info = info_of(pipe);
  ULONG process = 0;
  const bool known = info && info->is_server_end
                         ? sys("GetNamedPipeClientProcessId", ::GetNamedPipeClientProcessId, pipe, &process) != FALSE
                         : sys("GetNamedPipeServerProcessId", ::GetNamedPipeServerProcessId, pipe, &process) != FALSE;
  if (!known) {
    ec = last_error(Operation::other);
    return peer;
  }
  peer.process_id = process;
  if (info && info->is_server_end) {
    identify_client(pipe, process, peer, ec);
  } else {
    peer.sid = owner_of(pipe, ec);
  }
  return peer;
}

void check_owner(HANDLE pipe, std::error_code& ec) {
  const std::string owner = owner_of(pipe, ec);
  if (!ec && owner != current_user(ec)) ec = error(Operation::connect, std::errc::permission_denied);
}

}  // namespace windows_backend
}  // namespace localsocket::detail
