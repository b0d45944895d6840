// Where sockets with a portable name live.
#pragma once

#include "system.hpp"

#include <string>
#include <system_error>

namespace localsocket::detail::unix_backend {

/// `$XDG_RUNTIME_DIR` when it is set, absolute, a directory of this user and not writable by others (XDG Base Directory
/// Specification); else `/tmp/localsocket-<uid>`, whether it exists or not.
std::string runtime_directory();

/// The directory `/tmp/localsocket-<uid>`, held open after it was looked at: in /tmp anybody may have made it first,
/// and what is there now may be something else in a moment. Of a path that is elsewhere it is nothing, and checks
/// nothing.
class FallbackDirectory {
 public:
  /// permission_denied unless it is our directory and nobody else's to enter; ENOENT, with the operation, if it is not
  /// there.
  static FallbackDirectory open(const std::string& path, Operation operation, std::error_code& ec);
  /// The same, for bind: makes it if it is missing.
  static FallbackDirectory make(const std::string& path, std::error_code& ec);

  bool is_open() const noexcept { return descriptor_.is_open(); }

  /// The path of a file in it that leads through the descriptor; empty if there is no such way here.
  std::string through(const std::string& path) const;

  /// Whether there is a file in it, of that path's name; ENOENT if not.
  bool has(const std::string& path) const noexcept;

  /// Whether its name still is this directory's. Also if there is nothing to check.
  bool is_still_named() const noexcept;

 private:
  std::string name_;
  Descriptor descriptor_;
};

}  // namespace localsocket::detail::unix_backend
