// Where sockets with a portable name live.
#pragma once

#include "system.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// The directories of this user's names, the best first; the last one is the fallback in /tmp.
std::vector<std::string> runtime_directories();

/// Of an absolute path.
inline std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Whether it is a directory, not a link, that is ours and that nobody else can write. Of the fallback, which bind may
/// have to make, more is asked where it is opened (SocketDirectory). The error is that of a look that failed, for a
/// reason other than that there is no such directory for us.
bool is_good_directory(const std::string& path, std::error_code& ec) noexcept;

/// Whether a path is in `/tmp/localsocket-<uid>`.
bool is_in_fallback(const std::string& path);

/// `/run`, or `/var/run` where that is not there.
std::string_view machine_directory() noexcept;

/// Who alone can have made a file, as the directories of its path prove it.
enum class Maker { anybody, root, ourselves };

/// Without a system call: of a machine's name, and of a user's in `/run/user/<uid>`, which was found good.
Maker maker_of_name(const std::string& path) noexcept;

/// By a look at each directory.
bool only_root_or_we_can_write_to_directories_of(const std::string& path);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
