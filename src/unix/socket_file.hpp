// The file of a listening socket: made, taken over from the dead, removed, without ever touching somebody else's.
#pragma once

#include "socket_directory.hpp"

#include <localsocket/options.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// A path that a listener may bind, and its directory.
struct BindTarget {
  std::string path;
  SocketDirectory directory;
};

class SocketFile {
 public:
  SocketFile() noexcept = default;
  SocketFile(SocketFile&& other) noexcept { *this = static_cast<SocketFile&&>(other); }
  SocketFile& operator=(SocketFile&& other) noexcept;

  /// Binds `socket` to the first of the targets, if nobody listens at any, and makes it listen, as `options` and the
  /// group say; to replace a listener, to the one where it is. `chosen` says which. Nothing is left behind on error.
  /// Takes two seconds at most, however long somebody else holds a path's lock.
  static SocketFile bind(int socket, std::vector<BindTarget>& targets, const ListenOptions& options,
                         std::optional<gid_t> group, std::size_t& chosen, std::error_code& ec);

  /// Removes the file if it still is the one that bind made. Once, and never in a child made by fork.
  void remove() noexcept;
  /// Leaves the file in place.
  void disown() noexcept { owned_ = false; }

 private:
  explicit SocketFile(BindTarget&& target);
  void make(int socket, const ListenOptions& options, std::optional<gid_t> group, std::error_code& ec);
  void open_for_business(int socket, const std::string& made, const ListenOptions& options, std::optional<gid_t> group,
                         std::error_code& ec) noexcept;

  BindTarget at_;
  std::string lock_path_;
  FileId id_;
  std::uint32_t maker_ = 0;  // the process that bound it
  std::atomic<bool> owned_{false};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
