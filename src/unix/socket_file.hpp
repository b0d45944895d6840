// The file of a listening socket: made, taken over from the dead, removed, without ever touching somebody else's.
#pragma once

#include <localsocket/options.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <system_error>

struct stat;

namespace localsocket::detail::unix_backend {

/// What tells a file from another that has its name.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  FileId() noexcept = default;
  explicit FileId(const struct stat& status) noexcept;
  bool operator==(const FileId&) const = default;
};

class SocketFile {
 public:
  SocketFile() noexcept = default;
  SocketFile(SocketFile&& other) noexcept { *this = static_cast<SocketFile&&>(other); }
  SocketFile& operator=(SocketFile&& other) noexcept;

  /// Binds `socket` to `path` and makes it listen, as `options` say; nothing is left behind on error. Takes two seconds
  /// at most, however long somebody else holds the path's lock.
  static SocketFile bind(int socket, const std::string& path, const ListenOptions& options, std::error_code& ec);

  /// Removes the file if it still is the one that bind made. Once, and never in a child made by fork.
  void remove() noexcept;
  /// Leaves the file in place.
  void disown() noexcept { owned_ = false; }

 private:
  explicit SocketFile(const std::string& path);

  std::string path_;
  std::string lock_path_;
  FileId id_;
  std::uint32_t maker_ = 0;  // the process that bound it
  std::atomic<bool> owned_{false};
};

}  // namespace localsocket::detail::unix_backend
