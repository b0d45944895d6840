#include "backend.hpp"
#include "system.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

// WaitNamedPipe looks for the name alone, whoever asks, and opens nothing. Of a name that is there, without an instance
// that waits for a client, it says that the time is over. 1: a millisecond; 0 would mean the pipe's own default (its
// documentation).
Presence presence_at(const LocalAddress& address, std::error_code& ec) {
  using namespace windows_backend;
  const std::wstring name = to_wide(address.native());
  const bool is_free = sys("WaitNamedPipeW", ::WaitNamedPipeW, name.c_str(), DWORD{1}) != FALSE;
  if (is_free || ::GetLastError() == ERROR_SEM_TIMEOUT) return Presence::listening;
  ec = last_error(Operation::connect);
  Presence presence = Presence::nobody;
  if (ec == std::errc::permission_denied) presence = Presence::permission_denied;  // on another host
  if (ec == std::errc::connection_refused || ec == std::errc::permission_denied) ec.clear();
  return presence;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
