// The lock of a path, which keeps two processes that use this library from doing one thing there.
#pragma once

#include "fork.hpp"
#include "socket_directory.hpp"

#include <chrono>
#include <string>
#include <system_error>

#include <sys/stat.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// `<directory>/.<file name>.localsocket<suffix>`. A name that nobody else uses: some programs keep `<path>.lock`
/// locked for as long as they live.
std::string lock_path_of(const std::string& path, const char* suffix = "");

/// A lock on a file beside the path. The file goes away with the lock; one left by a killed process serves the next. No
/// child made by fork has it.
class PathLock {
 public:
  using Clock = std::chrono::steady_clock;
  /// The lock is held for microseconds: a holder that keeps it longer is stopped or foreign, and is not waited for.
  static constexpr std::chrono::milliseconds longest_wait{2000};
  /// For a single attempt.
  static constexpr Clock::time_point at_once = Clock::time_point::min();

  /// The descriptor of the directory and the name must live as long as this. If somebody else has the lock until then,
  /// the error is address_in_use.
  PathLock(const SocketDirectory& directory, const std::string& path, Clock::time_point give_up_at,
           std::error_code& ec) noexcept;
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;
  ~PathLock();

 private:
  bool try_lock(std::error_code& ec) noexcept;
  bool open(std::error_code& ec) noexcept;
  bool is_still_the_file(std::error_code& ec) const noexcept;
  bool look_at(struct stat& status) const noexcept;

  const int directory_;
  const char* const name_;
  UnsharedDescriptor file_;
  bool locked_ = false;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
