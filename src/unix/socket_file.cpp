#include "socket_file.hpp"

#include "fork.hpp"
#include "system.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <sys/file.h>

namespace localsocket::detail::unix_backend {
namespace {

using namespace std::chrono_literals;

/// `<directory>/.<file name>.localsocket`. A name that nobody else uses: some programs keep `<path>.lock` locked for as
/// long as they live.
std::string lock_path_of(const std::string& path) {
  const std::size_t name = path.rfind('/') + 1;
  return path.substr(0, name) + '.' + path.substr(name) + ".localsocket";
}

/// Keeps every other process that uses this library from binding or removing the same path, by a lock on a file beside
/// it. The lock is held for microseconds, so whoever holds it longer is stopped or foreign, and is not waited for. The
/// file goes away with the lock; one left by a killed process serves the next.
class PathLock {
 public:
  enum class If_held { wait, give_up };

  /// `path` of the lock's file must live as long as this. If somebody else has the lock, the error is address_in_use.
  PathLock(const std::string& path, If_held if_held, std::error_code& ec) noexcept : path_(path) {
    const auto give_up_at = std::chrono::steady_clock::now() + (if_held == If_held::wait ? longest_wait : 0ms);
    for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
      locked_ = try_lock(ec);
      if (locked_ || ec) return;
      if (std::chrono::steady_clock::now() >= give_up_at) {
        ec = error(Operation::bind, std::errc::address_in_use);
        return;
      }
      std::this_thread::sleep_for(pause);
    }
  }
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;
  ~PathLock() {
    std::error_code ignored;
    if (locked_ && is_still_the_file(ignored)) sys("unlink", ::unlink, path_.c_str());
  }

 private:
  static constexpr std::chrono::milliseconds longest_wait = 2s;
  static constexpr std::chrono::milliseconds shortest_pause = 1ms;
  static constexpr std::chrono::milliseconds longest_pause = 20ms;

  // False without an error: somebody else has it, or had it until now and has removed the file.
  bool try_lock(std::error_code& ec) noexcept {
    file_.close();
    if (!open(ec)) return false;
    if (sys("flock", ::flock, file_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) ec = last_error(Operation::bind);
      return false;
    }
    return is_still_the_file(ec);
  }

  // Nonblocking, because it may turn out to be a FIFO.
  bool open(std::error_code& ec) noexcept {
    const auto create = [](const char* name, int flags, mode_t mode) { return ::open(name, flags, mode); };
    constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    struct stat status {};
    if (!file_.open([&] { return sys("open", create, path_.c_str(), flags, mode_t{0600}); }) ||
        sys("fstat", ::fstat, file_.get(), &status) != 0) {
      ec = last_error(Operation::bind);
      // A symbolic link is nobody's lock; it was put there to lead us elsewhere.
      const bool is_link = sys("lstat", ::lstat, path_.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
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
  bool is_still_the_file(std::error_code& ec) const noexcept {
    struct stat held {};
    struct stat named {};
    if (sys("fstat", ::fstat, file_.get(), &held) == 0 && sys("lstat", ::lstat, path_.c_str(), &named) == 0) {
      return FileId(held) == FileId(named);
    }
    if (errno != ENOENT) ec = last_error(Operation::bind);
    return false;
  }

  const std::string& path_;
  UnsharedDescriptor file_;
  bool locked_ = false;
};

bool is_socket(const std::string& path) noexcept {
  struct stat status {};
  return sys("lstat", ::lstat, path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// Whether it is a socket that no process has open any more, or nothing at all by now. The probe is a datagram socket:
/// to a live stream socket its connect fails with EPROTOTYPE (connect(2)), so that a listener never sees the probe as a
/// client; ECONNREFUSED is left for the dead. A socket that is bound and does not listen yet is alive by this, which a
/// stream probe could not tell.
bool is_stale(const std::string& path, std::error_code& ec) noexcept {
  struct stat status {};
  if (sys("lstat", ::lstat, path.c_str(), &status) != 0) {
    if (errno != ENOENT) ec = last_error(Operation::bind);
    return !ec;
  }
  if (!S_ISSOCK(status.st_mode)) return false;
  const Descriptor probe = open_socket(SOCK_DGRAM, ec);
  if (ec) return false;
  const SocketAddress to(path);
  return sys("connect", ::connect, probe.get(), to.get(), to.size) != 0 && errno == ECONNREFUSED;
}

bool bind_to(int socket, const std::string& path) noexcept {
  const SocketAddress to(path);
  return sys("bind", ::bind, socket, to.get(), to.size) == 0;
}

/// Binds to a path that is free, or that a dead listener has left. The lock keeps our own kind away; a foreign program
/// that is faster again and again has the path.
void bind_unless_alive(int socket, const std::string& path, Existing existing, std::error_code& ec) noexcept {
  for (int attempts_left = 3; !bind_to(socket, path); --attempts_left) {
    ec = last_error(Operation::bind);
    if (ec != std::errc::address_in_use || existing == Existing::fail || attempts_left == 0) return;
    std::error_code unknown;
    if (!is_stale(path, unknown)) {
      if (unknown) ec = unknown;
      return;
    }
    // In a sticky directory it may be somebody else's to remove.
    if (sys("unlink", ::unlink, path.c_str()) != 0 && errno != ENOENT) {
      ec = last_error(Operation::bind);
      return;
    }
    ec.clear();
  }
}

/// Sets who may connect, before anybody can: until listen, connects are refused. Not fchmod, which the umask weakens
/// before bind and which does nothing to the file after it.
void open_for_business(int socket, const std::string& path, const ListenOptions& options,
                       std::error_code& ec) noexcept {
  const auto mode = static_cast<mode_t>(options.posix.mode.value_or(options.access == Access::everyone ? 0666 : 0600));
  if (sys("chmod", ::chmod, path.c_str(), mode) != 0 || sys("listen", ::listen, socket, backlog_of(options)) != 0) {
    ec = last_error(Operation::bind);
  }
}

}  // namespace

FileId::FileId(const struct stat& status) noexcept
    : device(static_cast<std::uint64_t>(status.st_dev)), inode(static_cast<std::uint64_t>(status.st_ino)) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  path_ = std::move(other.path_);
  lock_path_ = std::move(other.lock_path_);
  id_ = other.id_;
  maker_ = other.maker_;
  owned_ = other.owned_.exchange(false);
  return *this;
}

// All the memory that it will ever need: what comes after a bind, and remove(), must not fail for want of it.
SocketFile::SocketFile(const std::string& path)
    : path_(path), lock_path_(lock_path_of(path)), maker_(process_generation()) {}

SocketFile SocketFile::bind(int socket, const std::string& path, const ListenOptions& options, std::error_code& ec) {
  SocketFile file(path);
  const std::string beside = path + '~';
  const PathLock lock(file.lock_path_, PathLock::If_held::wait, ec);
  if (ec) return file;

  // To replace a live one, the socket is made ready beside its path and renamed: clients meet the old one or the new
  // one.
  const bool replaces = options.existing == Existing::replace && is_socket(path);
  const std::string& bound = replaces ? beside : path;
  // Somebody else may listen at that very name: it is a path like any other.
  const std::string beside_lock_path = lock_path_of(beside);
  std::optional<PathLock> beside_lock;
  if (replaces) beside_lock.emplace(beside_lock_path, PathLock::If_held::wait, ec);
  if (ec) return file;
  if (bound.size() > longest_path) ec = error(Operation::bind, std::errc::filename_too_long);
  if (!ec) bind_unless_alive(socket, bound, options.existing, ec);
  if (ec) return file;

  open_for_business(socket, bound, options, ec);
  struct stat status {};
  if (!ec && sys("lstat", ::lstat, bound.c_str(), &status) != 0) ec = last_error(Operation::bind);
  if (!ec && replaces && sys("rename", ::rename, bound.c_str(), path.c_str()) != 0) ec = last_error(Operation::bind);
  if (ec) {
    sys("unlink", ::unlink, bound.c_str());
    return file;
  }
  // Of the path: fstat of a socket tells about something else (stat(2) on sockfs).
  file.id_ = FileId(status);
  file.owned_ = true;
  return file;
}

void SocketFile::remove() noexcept {
  if (!owned_.exchange(false) || maker_ != process_generation()) return;
  // Without the lock somebody else may be about to take the path: what we leave behind is a stale socket, which the
  // next bind reclaims.
  std::error_code ec;
  const PathLock lock(lock_path_, PathLock::If_held::give_up, ec);
  if (ec) return;
  struct stat status {};
  const bool ours = sys("lstat", ::lstat, path_.c_str(), &status) == 0 && FileId(status) == id_;
  if (ours) sys("unlink", ::unlink, path_.c_str());
}

}  // namespace localsocket::detail::unix_backend
