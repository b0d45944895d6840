#include "socket_file.hpp"

#include "path_lock.hpp"
#include "presence.hpp"
#include "system.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

bool remove_file(const SocketDirectory& directory, const std::string& path) noexcept {
  return sys("unlinkat", ::unlinkat, directory.descriptor(), directory.name_of(path), 0) == 0;
}

/// The name under which a socket is made that cannot be bound by its own: one to be renamed over another, `<path>~`;
/// and one whose name is too long for an address even by way of its directory.
std::string made_as(const SocketDirectory& directory, const std::string& path) {
  std::string beside = path + '~';
  if (!directory.way_to_bind(beside).address.empty()) return beside;
  const std::size_t name = path.rfind('/') + 1;
  return fmt::format("{}.localsocket-{:016x}", path.substr(0, name), std::hash<std::string>()(path.substr(name)));
}

bool is_socket(const SocketDirectory& directory, const std::string& path) noexcept {
  struct stat status {};
  return directory.look_at(path, status) && S_ISSOCK(status.st_mode);
}

/// Whether the name is free, or a socket's that no process has open any more.
bool is_stale(const SocketDirectory& directory, const std::string& path, std::error_code& ec) {
  const Occupant occupant = occupant_of(directory, path, Operation::bind, ec);
  return !ec && (occupant == Occupant::nothing || occupant == Occupant::dead_socket);
}

void bind_to(int socket, const SocketDirectory& directory, const std::string& path, std::error_code& ec) {
  const Way way = directory.way_to_bind(path);
  const SocketAddress to(way.address);
  if (sys("bind", ::bind, socket, to.get(), to.size) == 0) return;
  ec = last_error(Operation::bind);
  if (way.leads_through_proc() && !has_proc()) ec = error(Operation::bind, std::errc::filename_too_long);
}

/// Binds to a path that is free, or that a dead listener has left. The lock keeps our own kind away; a foreign program
/// that is faster again and again has the path.
void bind_unless_alive(int socket, const SocketDirectory& directory, const std::string& path, Existing existing,
                       std::error_code& ec) {
  for (int attempts_left = 3;; --attempts_left) {
    ec.clear();
    bind_to(socket, directory, path, ec);
    if (ec != std::errc::address_in_use || existing == Existing::fail || attempts_left == 0) return;
    std::error_code unknown;
    if (!is_stale(directory, path, unknown)) {
      if (unknown) ec = unknown;
      return;
    }
    // In a sticky directory it may be somebody else's to remove.
    if (!remove_file(directory, path) && errno != ENOENT) {
      ec = last_error(Operation::bind);
      return;
    }
  }
}

mode_t mode_of(const ListenOptions& options) noexcept {
  if (options.posix.mode) return static_cast<mode_t>(*options.posix.mode);
  if (options.access == Access::everyone) return 0666;
  return options.group.empty() ? 0600 : 0660;
}

/// Sets who may connect, before anybody can: until listen, connects are refused. Not fchmod, which the umask weakens
/// before bind and which does nothing to the file after it.
bool let_in(const SocketDirectory& directory, const std::string& path, mode_t mode,
            std::optional<gid_t> group) noexcept {
  const int at = directory.descriptor();
  const char* const name = directory.name_of(path);
  constexpr auto same_owner = static_cast<uid_t>(-1);
  return (!group || sys("fchownat", ::fchownat, at, name, same_owner, *group, AT_SYMLINK_NOFOLLOW) == 0) &&
         sys("fchmodat", ::fchmodat, at, name, mode, 0) == 0;
}

/// Before a socket is given its name: what a dead listener has left there goes; anything else is in use.
void free_name(const SocketDirectory& directory, const std::string& path, Existing existing, std::error_code& ec) {
  struct stat status {};
  if (!directory.look_at(path, status)) return;
  std::error_code unknown;
  const bool may_go = existing != Existing::fail && is_stale(directory, path, unknown);
  if (unknown) {
    ec = unknown;
  } else if (!may_go) {
    ec = error(Operation::bind, std::errc::address_in_use);
  } else if (!remove_file(directory, path) && errno != ENOENT) {
    ec = last_error(Operation::bind);
  }
}

/// Gives a socket its own name: instead of the one that has it, or if it is free.
bool give_name(const SocketDirectory& directory, const std::string& made, const std::string& path,
               bool replaces) noexcept {
  const int at = directory.descriptor();
  const char* const from = directory.name_of(made);
  const char* const to = directory.name_of(path);
  if (replaces) return sys("renameat", ::renameat, at, from, at, to) == 0;
  const bool linked = sys("linkat", ::linkat, at, from, at, to, 0) == 0;
  if (!linked && errno == EEXIST) errno = EADDRINUSE;
  return linked && remove_file(directory, made);
}

/// Which of several to bind: the first one, or, to be replaced, the one where somebody listens.
std::size_t choose(const std::vector<BindTarget>& targets, Existing existing, std::error_code& ec) {
  std::size_t chosen = 0;
  for (std::size_t i = targets.size(); targets.size() > 1 && i-- > 0;) {
    const auto& [native, path, directory] = targets[i];
    const bool is_alive = is_socket(directory, path) && !is_stale(directory, path, ec);
    if (is_alive && !ec && existing != Existing::replace) ec = error(Operation::bind, std::errc::address_in_use);
    if (ec) break;
    if (is_alive) chosen = i;
  }
  return chosen;
}

}  // namespace

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  at_ = std::move(other.at_);
  lock_path_ = std::move(other.lock_path_);
  id_ = other.id_;
  maker_ = other.maker_;
  owned_ = other.owned_.exchange(false);
  return *this;
}

// All the memory that it will ever need: what comes after a bind, and remove(), must not fail for want of it.
SocketFile::SocketFile(BindTarget&& target)
    : at_(std::move(target)), lock_path_(lock_path_of(at_.path)), maker_(process_generation()) {}

SocketFile SocketFile::bind(int socket, std::vector<BindTarget>& targets, const ListenOptions& options,
                            std::optional<gid_t> group, std::size_t& chosen, std::error_code& ec) {
  SocketFile file;  // outlives the locks, which use its directory
  const auto give_up_at = PathLock::Clock::now() + PathLock::longest_wait;
  std::vector<std::string> names;
  for (const BindTarget& target : targets) names.push_back(lock_path_of(target.path));
  // Everybody takes them in the same order.
  std::vector<std::unique_ptr<PathLock>> locks;
  for (std::size_t i = 0; i < targets.size() && !ec; ++i) {
    locks.push_back(std::make_unique<PathLock>(targets[i].directory, names[i], give_up_at, ec));
  }
  if (!ec) chosen = choose(targets, options.existing, ec);
  if (ec) return file;
  file = SocketFile(std::move(targets[chosen]));
  file.make(socket, options, group, ec);
  return file;
}

// With the lock of its path held.
void SocketFile::make(int socket, const ListenOptions& options, std::optional<gid_t> group, std::error_code& ec) {
  const auto& [native, path, directory] = at_;
  // To replace a live one, the socket is made ready beside its path and renamed: clients meet the old one or the new
  // one.
  const bool replaces = options.existing == Existing::replace && is_socket(directory, path);
  const bool has_own_name = !replaces && !directory.way_to_bind(path).address.empty();
  const std::string made = has_own_name ? path : made_as(directory, path);
  // Somebody else may listen at that very name: it is a path like any other.
  const std::string made_lock_path = lock_path_of(made);
  std::optional<PathLock> made_lock;
  if (!has_own_name) made_lock.emplace(directory, made_lock_path, PathLock::Clock::now() + PathLock::longest_wait, ec);
  if (!ec && directory.way_to_bind(made).address.empty()) ec = error(Operation::bind, std::errc::filename_too_long);
  if (!ec && !has_own_name && !replaces) free_name(directory, path, options.existing, ec);
  if (!ec) bind_unless_alive(socket, directory, made, has_own_name ? options.existing : Existing::reclaim_stale, ec);
  if (ec) return;
  open_for_business(socket, made, options, group, ec);
  if (!ec && !has_own_name && !give_name(directory, made, path, replaces)) ec = last_error(Operation::bind);
  if (ec) {
    remove_file(directory, made);
    return;
  }
  owned_ = true;
}

void SocketFile::open_for_business(int socket, const std::string& made, const ListenOptions& options,
                                   std::optional<gid_t> group, std::error_code& ec) noexcept {
  const SocketDirectory& directory = at_.directory;
  struct stat status {};
  // Of the path: fstat of a socket tells about something else (stat(2) on sockfs).
  if (!directory.look_at(made, status) || !let_in(directory, made, mode_of(options), group) ||
      sys("listen", ::listen, socket, backlog_of(options)) != 0) {
    ec = last_error(Operation::bind);
  }
  id_ = FileId(status);
  // It was bound by its path: that may be in a directory that was put where ours has been.
  if (!directory.is_still_named()) ec = error(Operation::bind, std::errc::permission_denied);
}

SocketFile SocketFile::of_others(const std::string& path) {
  SocketFile file;
  struct stat status {};
  file.at_.path = path;
  if (sys("lstat", ::lstat, path.c_str(), &status) == 0) file.id_ = FileId(status);
  return file;
}

// By its whole path, as clients look for it. As long as the socket is open no other file has its number.
bool SocketFile::still_has_its_name(std::error_code& ec) const noexcept {
  if (at_.path.empty()) return true;
  struct stat status {};
  if (sys("lstat", ::lstat, at_.path.c_str(), &status) == 0) return FileId(status) == id_;
  if (errno != ENOENT && errno != ENOTDIR) ec = last_error(Operation::other);
  return false;
}

void SocketFile::remove() noexcept {
  if (!owned_.exchange(false) || maker_ != process_generation()) return;
  // Without the lock somebody else may be about to take the path: what we leave behind is a stale socket, which the
  // next bind reclaims.
  std::error_code ec;
  const PathLock lock(at_.directory, lock_path_, PathLock::Clock::time_point::min(), ec);
  if (ec) return;
  struct stat status {};
  const bool ours = at_.directory.look_at(at_.path, status) && FileId(status) == id_;
  if (ours) remove_file(at_.directory, at_.path);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
