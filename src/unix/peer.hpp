// Who is at the other end of a socket, and whether that may be.
#pragma once

#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>

#include "runtime_directory.hpp"

#include <string>
#include <system_error>

#include <sys/types.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

PeerIdentity peer_of(int socket, std::error_code& ec) noexcept;

/// permission_denied unless the listener that `socket` has met, at that path, is somebody's whom the client trusts.
/// `maker` is who alone can have put it there.
void check_trust(int socket, const Trust& trust, Maker maker, const std::string& path, std::error_code& ec);

/// Whom a client may be whom nothing keeps from an abstract name.
bool is_ours_or_roots(int client) noexcept;
bool is_member(int client, gid_t group) noexcept;

/// By its name or number; invalid_argument if there is none.
gid_t group_of(const std::string& name, std::error_code& ec);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
