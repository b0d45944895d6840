#include "peer.hpp"

#include "account.hpp"
#include "overlapped.hpp"
#include "pipe.hpp"
#include "process.hpp"

#include "backend.hpp"

#include <memory>
#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

bool is_current_user(const PeerIdentity& peer) {
  std::error_code ec;
  const std::string user = windows_backend::current_user(ec);
  return !ec && peer.sid == user;
}

void close_handle(NativeHandle handle) noexcept { const windows_backend::Handle closing(handle); }

namespace windows_backend {
namespace {

bool is_privileged(PSID sid) noexcept {
  return ::IsWellKnownSid(sid, WinLocalSystemSid) || ::IsWellKnownSid(sid, WinBuiltinAdministratorsSid);
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

/// What the system keeps with a pipe's name.
class PipeSecurity {
 public:
  PipeSecurity(HANDLE pipe, SECURITY_INFORMATION what, std::error_code& ec) noexcept {
    void* descriptor = nullptr;
    const DWORD result = sys("GetSecurityInfo", ::GetSecurityInfo, pipe, SE_KERNEL_OBJECT, what, &owner_,
                             static_cast<PSID*>(nullptr), &dacl_, static_cast<PACL*>(nullptr), &descriptor);
    descriptor_.reset(descriptor);
    if (result != ERROR_SUCCESS || owner_ == nullptr) {
      ec = native_error(Operation::other, static_cast<int>(result != ERROR_SUCCESS ? result : ERROR_ACCESS_DENIED));
    }
  }

  PSID owner() const noexcept { return owner_; }

  /// Whether nobody but the owner, SYSTEM and the administrators can serve the name: whoever may make instances of the
  /// pipe does so under the owner's name. Without an access list everybody may.
  bool is_owners_alone() const noexcept {
    if (dacl_ == nullptr) return false;
    for (DWORD i = 0; i < dacl_->AceCount; ++i) {
      void* entry = nullptr;
      if (!::GetAce(dacl_, i, &entry) || lets_others_serve(entry)) return false;
    }
    return true;
  }

 private:
  struct LocalFreer {
    void operator()(void* memory) const noexcept { ::LocalFree(memory); }
  };

  bool lets_others_serve(const void* entry) const noexcept {
    // Whoever may change the list or the owner can give himself the rest.
    constexpr ACCESS_MASK to_serve = FILE_CREATE_PIPE_INSTANCE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
    const auto* const header = static_cast<const ACE_HEADER*>(entry);
    if ((header->AceFlags & INHERIT_ONLY_ACE) != 0) return false;
    switch (header->AceType) {
      case ACCESS_DENIED_ACE_TYPE:
      case ACCESS_DENIED_CALLBACK_ACE_TYPE:
        return false;
      case ACCESS_ALLOWED_ACE_TYPE:
      case ACCESS_ALLOWED_CALLBACK_ACE_TYPE:
        break;  // both begin in the same way
      default:
        return true;  // no kind that a pipe is known to have
    }
    const auto* const allowed = static_cast<const ACCESS_ALLOWED_ACE*>(entry);
    PSID const who = const_cast<DWORD*>(&allowed->SidStart);  // no Win32 function takes a const one
    const bool is_served_by_us =
        ::EqualSid(who, owner_) || ::IsWellKnownSid(who, WinCreatorOwnerRightsSid) || is_privileged(who);
    return !is_served_by_us && (allowed->Mask & to_serve) != 0;
  }

  PSID owner_ = nullptr;
  PACL dacl_ = nullptr;
  std::unique_ptr<void, LocalFreer> descriptor_;
};

/// Of a listener: whom the pipe belongs to.
std::string owner_of(HANDLE pipe, std::error_code& ec) {
  const PipeSecurity security(pipe, OWNER_SECURITY_INFORMATION, ec);
  return ec ? std::string() : text_of(security.owner(), ec);
}

bool is_trusted(PSID owner, const Trust& trust, std::error_code& ec) {
  if (!trust.account_name() && trust.who() == Trust::privileged && is_privileged(owner)) return true;
  const std::string expected =
      trust.account_name() ? sid_of_account(*trust.account_name(), Operation::connect, ec) : current_user(ec);
  return !ec && text_of(owner, ec) == expected;
}

}  // namespace

PeerIdentity peer_of(HANDLE pipe, std::error_code& ec) {
  PeerIdentity peer;
  const std::optional<PipeInfo> info = info_of(pipe);
  const DWORD process = process_id_of_peer(pipe, info, ec);
  if (ec) return peer;
  peer.process_id = process;
  if (info && info->is_server_end) {
    identify_client(pipe, process, peer, ec);
  } else {
    peer.sid = owner_of(pipe, ec);
  }
  return peer;
}

void check_trust(HANDLE pipe, const Trust& trust, std::error_code& ec) {
  if (trust == Trust::anyone) return;
  const PipeSecurity security(pipe, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, ec);
  if (ec) return;
  const bool trusted = is_trusted(security.owner(), trust, ec) && security.is_owners_alone();
  if (!trusted && !ec) ec = error(Operation::connect, std::errc::permission_denied);
}

}  // namespace windows_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
