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

/// What listen() is given: by default as much as bind takes. The system caps it (listen(2)).
inline int queue_length(const ListenOptions& options) noexcept {
  return static_cast<int>(options.backlog.value_or(4096));
}

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
  FileId id_;
  std::atomic<bool> owned_{false};
};

}  // namespace localsocket::detail::unix_backend
