// The file of a listening socket: made, taken over from the dead, removed, without ever touching somebody else's.
#pragma once

#include <localsocket/options.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <system_error>

namespace localsocket::detail::unix_room {

class SocketFile {
 public:
  SocketFile() noexcept = default;
  SocketFile(SocketFile&& other) noexcept { *this = static_cast<SocketFile&&>(other); }
  SocketFile& operator=(SocketFile&& other) noexcept;

  /// Binds `socket` to `path` and makes it listen, as `options` say; nothing is left behind on error.
  static SocketFile bind(int socket, const std::string& path, const ListenOptions& options, std::error_code& ec);

  /// Removes the file if it still is the one that bind made. Once.
  void remove() noexcept;
  /// Leaves the file in place.
  void disown() noexcept { owned_ = false; }

 private:
  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  std::atomic<bool> owned_{false};
};

}  // namespace localsocket::detail::unix_room
