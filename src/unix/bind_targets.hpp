// Where an address may be bound.
#pragma once

#include "core/address_parts.hpp"
#include "socket_directory.hpp"

#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// A path that a listener may bind, and its directory.
struct BindTarget {
  std::size_t native;  ///< of the address's
  std::string path;
  SocketDirectory directory;
};

/// Of what is no abstract name: of a user's name the directories that are good, of which the fallback is made only if
/// there is no other.
std::vector<BindTarget> bind_targets_of(const AddressParts& parts, std::error_code& ec);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
