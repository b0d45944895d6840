#include "path_lock.hpp"

#include "system.hpp"

#include <algorithm>
#include <thread>

#include <sys/file.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

constexpr std::chrono::milliseconds shortest_pause{1};
constexpr std::chrono::milliseconds longest_pause{20};

}  // namespace

std::string lock_path_of(const std::string& path, const char* suffix) {
  const std::size_t name = path.rfind('/') + 1;
  return path.substr(0, name) + '.' + path.substr(name) + ".localsocket" + suffix;
}

PathLock::PathLock(const SocketDirectory& directory, const std::string& path, Clock::time_point give_up_at,
                   std::error_code& ec) noexcept
    : directory_(directory.descriptor()), name_(directory.name_of(path)) {
  for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
    locked_ = try_lock(ec);
    if (locked_ || ec) return;
    if (Clock::now() >= give_up_at) {
      ec = error(Operation::bind, std::errc::address_in_use);
      return;
    }
    std::this_thread::sleep_for(pause);
  }
}

PathLock::~PathLock() {
  std::error_code ignored;
  if (locked_ && is_still_the_file(ignored)) sys("unlinkat", ::unlinkat, directory_, name_, 0);
}

// False without an error: somebody else has it, or had it until now and has removed the file, or a signal came.
bool PathLock::try_lock(std::error_code& ec) noexcept {
  file_.close();
  if (!open(ec)) return false;
  if (sys("flock", ::flock, file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) ec = last_error(Operation::bind);
    return false;
  }
  return is_still_the_file(ec);
}

// Nonblocking, because it may turn out to be a FIFO.
bool PathLock::open(std::error_code& ec) noexcept {
  const auto create = [](int at, const char* name, int how, mode_t mode) { return ::openat(at, name, how, mode); };
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  struct stat status {};
  if (!file_.open([&] { return sys("openat", create, directory_, name_, flags, mode_t{0600}); }) ||
      sys("fstat", ::fstat, file_.get(), &status) != 0) {
    // EWOULDBLOCK: somebody has a lease on it (open(2)).
    if (errno == EINTR || errno == EWOULDBLOCK) return false;
    ec = last_error(Operation::bind);
    // A symbolic link is nobody's lock; it was put there to lead us elsewhere.
    const bool is_link = look_at(status) && S_ISLNK(status.st_mode);
    if (is_link) ec = error(Operation::bind, std::errc::permission_denied);
  } else if (status.st_uid != ::geteuid()) {
    ec = error(Operation::bind, std::errc::permission_denied);  // its owner could hold it for ever
  } else if (!S_ISREG(status.st_mode) || status.st_size != 0) {
    ec = error(Operation::bind, std::errc::address_in_use);  // somebody's own file, of that very name
  } else if ((status.st_mode & 0600) != 0600) {
    sys("fchmod", ::fchmod, file_.get(), mode_t{0600});  // a umask must not keep us from opening it again
  }
  return !ec;
}

// Who had the lock before has removed the file: a lock on it excludes nobody who comes now.
bool PathLock::is_still_the_file(std::error_code& ec) const noexcept {
  struct stat held {};
  struct stat named {};
  if (sys("fstat", ::fstat, file_.get(), &held) == 0 && look_at(named)) {
    return FileId(held) == FileId(named);
  }
  if (errno != ENOENT) ec = last_error(Operation::bind);
  return false;
}

bool PathLock::look_at(struct stat& status) const noexcept {
  return sys("fstatat", ::fstatat, directory_, name_, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
