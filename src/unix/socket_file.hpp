// The file of a listening socket: made, taken over from the dead, removed, without ever touching somebody else's.
#pragma once

#include "bind_targets.hpp"
#include "socket_directory.hpp"

#include <localsocket/options.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

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

  /// The file that is at a path now, which somebody else has made and will remove.
  static SocketFile of_others(const std::string& path);

  /// Whether its path still is that file's. Also of no file at all, which cannot be lost.
  bool still_has_its_name(std::error_code& ec) const noexcept;

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
