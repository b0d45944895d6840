#include "socket_file.hpp"

#include "offer.hpp"
#include "system.hpp"

#include <utility>

#include <sys/file.h>

namespace localsocket::detail::unix_backend {
namespace {

/// Keeps every other process that uses this library from binding or removing the same path, by a lock on `<path>.lock`.
/// Held for microseconds. The file goes away with it; one left by a killed process serves the next.
class PathLock {
 public:
  enum class If_held { wait, give_up };

  PathLock(const std::string& path, If_held if_held, std::error_code& ec) : name_(path + ".lock") {
    const int flags = if_held == If_held::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
    do {
      if (!open(ec) || !lock(flags, ec)) return;
    } while (!is_still_the_file());
    locked_ = true;
  }
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;
  ~PathLock() {
    // Lock files are empty. One that is not is somebody's own, of that very name: it serves as well, and stays.
    if (locked_ && is_empty_) sys("unlink", ::unlink, name_.c_str());
  }

 private:
  bool open(std::error_code& ec) {
    const auto create = [](const char* name, int flags, mode_t mode) { return ::open(name, flags, mode); };
    file_ = Descriptor(sys("open", create, name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t{0600}));
    struct stat status {};
    if (!file_.is_open() || sys("fstat", ::fstat, file_.get(), &status) != 0) {
      ec = last_error(Operation::bind);
    } else if (status.st_uid != ::geteuid()) {
      ec = error(Operation::bind, std::errc::permission_denied);  // its owner could hold it for ever
    }
    is_empty_ = S_ISREG(status.st_mode) && status.st_size == 0;
    return !ec;
  }

  bool lock(int flags, std::error_code& ec) {
    while (sys("flock", ::flock, file_.get(), flags) != 0) {
      if (errno == EINTR) continue;
      ec = last_error(Operation::bind);
      return false;
    }
    return true;
  }

  // Who had the lock before has removed the file: a lock on it excludes nobody who comes now.
  bool is_still_the_file() const {
    struct stat held {};
    struct stat named {};
    return sys("fstat", ::fstat, file_.get(), &held) == 0 && sys("stat", ::stat, name_.c_str(), &named) == 0 &&
           FileId(held) == FileId(named);
  }

  std::string name_;
  Descriptor file_;
  bool is_empty_ = false;
  bool locked_ = false;
};

bool is_socket(const std::string& path) noexcept {
  struct stat status {};
  return sys("lstat", ::lstat, path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// Whether it is a socket that no process has open any more. The probe is a datagram socket: to a live stream socket
/// its connect fails with EPROTOTYPE (connect(2)), so that a listener never sees the probe as a client; ECONNREFUSED is
/// left for the dead. A socket that is bound and does not listen yet is alive by this, which a stream probe could not
/// tell.
bool is_stale(const std::string& path) noexcept {
  if (!is_socket(path)) return false;
  std::error_code ec;
  const Descriptor probe = open_socket(SOCK_DGRAM, ec);
  if (ec) return false;
  const SocketAddress to(path);
  return sys("connect", ::connect, probe.get(), to.get(), to.size) != 0 && errno == ECONNREFUSED;
}

bool bind_to(int socket, const std::string& path) noexcept {
  const SocketAddress to(path);
  return sys("bind", ::bind, socket, to.get(), to.size) == 0;
}

/// Binds to a path that is free, or that a dead listener has left.
void bind_unless_alive(int socket, const std::string& path, Existing existing, std::error_code& ec) noexcept {
  while (!bind_to(socket, path)) {
    ec = last_error(Operation::bind);
    if (ec != std::errc::address_in_use || existing == Existing::fail || !is_stale(path)) return;
    sys("unlink", ::unlink, path.c_str());
    ec.clear();
  }
}

/// The same for a path that is not bound itself: free, or freed of what a dead listener has left.
void make_way(const std::string& path, Existing existing, std::error_code& ec) noexcept {
  struct stat status {};
  if (sys("lstat", ::lstat, path.c_str(), &status) != 0 && errno == ENOENT) return;
  if (existing == Existing::fail || !is_stale(path)) ec = error(Operation::bind, std::errc::address_in_use);
}

std::string temporary_name(const std::string& path, Direction direction) {
  return direction == Direction::duplex ? path + '~' : path + std::string(mark_of(direction));
}

/// Sets who may connect, before anybody can: until listen, connects are refused. Not fchmod, which the umask weakens
/// before bind and which does nothing to the file after it.
void open_for_business(int socket, const std::string& path, const ListenOptions& options,
                       std::error_code& ec) noexcept {
  const auto mode = static_cast<mode_t>(options.posix.mode.value_or(options.access == Access::everyone ? 0666 : 0600));
  if (sys("chmod", ::chmod, path.c_str(), mode) != 0 || sys("listen", ::listen, socket, queue_length(options)) != 0) {
    ec = last_error(Operation::bind);
  }
}

}  // namespace

FileId::FileId(const struct stat& status) noexcept
    : device(static_cast<std::uint64_t>(status.st_dev)), inode(static_cast<std::uint64_t>(status.st_ino)) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  path_ = std::move(other.path_);
  id_ = other.id_;
  owned_ = other.owned_.exchange(false);
  return *this;
}

SocketFile SocketFile::bind(int socket, const std::string& path, const ListenOptions& options, std::error_code& ec) {
  SocketFile file;
  const PathLock lock(path, PathLock::If_held::wait, ec);
  if (ec) return file;

  // To replace a live one, or to make an offer by the name, the socket is made ready beside its path and renamed:
  // clients meet the old one, or nobody, or the new one.
  const bool replaces = options.existing == Existing::replace && is_socket(path);
  const std::string bound =
      replaces || options.direction != Direction::duplex ? temporary_name(path, options.direction) : path;
  if (bound.size() > longest_path) ec = error(Operation::bind, std::errc::filename_too_long);
  if (!ec && bound != path && !replaces) make_way(path, options.existing, ec);
  if (!ec) bind_unless_alive(socket, bound, options.existing, ec);
  if (ec) return file;

  open_for_business(socket, bound, options, ec);
  struct stat status {};
  if (!ec && sys("stat", ::stat, bound.c_str(), &status) != 0) ec = last_error(Operation::bind);
  if (!ec && bound != path && sys("rename", ::rename, bound.c_str(), path.c_str()) != 0)
    ec = last_error(Operation::bind);
  if (ec) {
    sys("unlink", ::unlink, bound.c_str());
    return file;
  }
  file.path_ = path;
  // Of the path: fstat of a socket tells about something else (stat(2) on sockfs).
  file.id_ = FileId(status);
  file.owned_ = true;
  return file;
}

void SocketFile::remove() noexcept {
  if (!owned_.exchange(false)) return;
  // Somebody else is at the path right now: what we leave behind is a stale socket, which the next bind reclaims.
  std::error_code ec;
  const PathLock lock(path_, PathLock::If_held::give_up, ec);
  if (ec == std::errc::operation_would_block) return;
  struct stat status {};
  const bool ours = sys("lstat", ::lstat, path_.c_str(), &status) == 0 && FileId(status) == id_;
  if (ours) sys("unlink", ::unlink, path_.c_str());
}

}  // namespace localsocket::detail::unix_backend
