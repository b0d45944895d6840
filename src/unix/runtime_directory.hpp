// Where sockets with a portable name live.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace localsocket::detail::unix_backend {

/// `$XDG_RUNTIME_DIR` when it is set, absolute, a directory of this user and not writable by others (XDG Base Directory
/// Specification); else `/tmp/localsocket-<uid>`, whether it exists or not.
std::string runtime_directory();

/// If `path` is in `/tmp/localsocket-<uid>`: permission_denied unless that is our directory and nobody else's to enter,
/// or is not there at all. In /tmp anybody may have made it first.
std::error_code check_runtime_directory(const std::string& path) noexcept;

/// The same, and makes the directory if it is missing.
std::error_code make_runtime_directory(const std::string& path) noexcept;

}  // namespace localsocket::detail::unix_backend
