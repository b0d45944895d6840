#include "socket_directory.hpp"

#include "runtime_directory.hpp"

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

bool is_private(const struct stat& status) noexcept {
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

// It need not be readable: whoever may enter it may open it by O_PATH (open(2)).
#if defined(O_PATH)
constexpr int path_only = O_PATH | O_CLOEXEC;
#else
constexpr int path_only = O_RDONLY | O_CLOEXEC;
#endif

Descriptor open_at(int directory, const char* name, int flags) noexcept {
  const auto open = [](int at, const char* what, int how) { return ::openat(at, what, how); };
  return Descriptor(unless_interrupted([&] { return sys("openat", open, directory, name, path_only | flags); }));
}

/// A umask may have taken permissions of ours away, now or when it was made; it would be of no use to anybody then.
void repair_permissions(const std::string& directory) noexcept {
  struct stat status {};
  const bool lacks = sys("lstat", ::lstat, directory.c_str(), &status) == 0 && is_private(status) &&
                     (status.st_mode & S_IRWXU) != S_IRWXU;
  if (lacks) sys("chmod", ::chmod, directory.c_str(), mode_t{S_IRWXU});
}

/// What is no directory, or a link to one, is somebody's trap.
std::error_code check_fallback(const Descriptor& directory, Operation operation) noexcept {
  struct stat status {};
  if (!directory.is_open()) {
    const bool is_trap = errno == ENOTDIR || errno == ELOOP;
    return is_trap ? error(operation, std::errc::permission_denied) : last_error(operation);
  }
  if (sys("fstat", ::fstat, directory.get(), &status) != 0) return last_error(operation);
  return is_private(status) ? std::error_code() : error(operation, std::errc::permission_denied);
}

[[maybe_unused]] std::string through_descriptor(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

}  // namespace

FileId::FileId(const struct stat& status) noexcept
    : device(static_cast<std::uint64_t>(status.st_dev)), inode(static_cast<std::uint64_t>(status.st_ino)) {}

bool has_proc() noexcept { return sys("access", ::access, "/proc/self/fd", F_OK) == 0; }

SocketDirectory SocketDirectory::of(const std::string& path, Operation operation, std::error_code& ec) {
  SocketDirectory directory;
  if (path.front() == '\0') return directory;
  directory.is_fallback_ = is_in_fallback(path);
  if (!directory.is_fallback_ && path.size() <= longest_path) return directory;
  directory.name_begins_ = path.rfind('/') + 1;
  directory.own_path_ = path.substr(0, directory.name_begins_ - (directory.is_fallback_ ? 1 : 0));
  const int flags = O_DIRECTORY | (directory.is_fallback_ ? O_NOFOLLOW : 0);
  directory.descriptor_ = open_at(AT_FDCWD, directory.own_path_.c_str(), flags);
  if (directory.is_fallback_) {
    ec = check_fallback(directory.descriptor_, operation);
  } else if (!directory.is_held()) {
    ec = last_error(operation);
  }
  return directory;
}

SocketDirectory SocketDirectory::make(const std::string& path, std::error_code& ec) {
  if (is_in_fallback(path)) {
    const std::string directory = directory_of(path);
    if (sys("mkdir", ::mkdir, directory.c_str(), mode_t{S_IRWXU}) != 0 && errno != EEXIST) {
      ec = last_error(Operation::bind);
      return {};
    }
    repair_permissions(directory);
  }
  return of(path, Operation::bind, ec);
}

/// Empty if there is none, or it is too long as well.
std::string SocketDirectory::way_through([[maybe_unused]] const std::string& path) const {
#if defined(__linux__)
  std::string way = fmt::format("{}/{}", through_descriptor(descriptor_.get()), name_of(path));
  if (way.size() <= longest_path) return way;
#endif
  return {};
}

// By its path while that is possible: systemd-tmpfiles takes a socket in /tmp for a dead one's that is bound by
// another.
Way SocketDirectory::way_to_bind(const std::string& path) const {
  return {path.size() <= longest_path ? path : way_through(path), {}};
}

Way SocketDirectory::way_to(const std::string& path, [[maybe_unused]] Operation operation,
                            [[maybe_unused]] std::error_code& ec) const {
  if (!is_held()) return {path, {}};
  Way way{way_through(path), {}};
#if defined(__linux__)
  if (way.address.empty()) {
    way.file = open_at(descriptor(), name_of(path), 0);
    if (!way.file.is_open()) ec = last_error(operation);
    way.address = through_descriptor(way.file.get());
  }
#else
  way.address = path;
#endif
  return way;
}

bool SocketDirectory::look_at(const std::string& path, struct stat& status) const noexcept {
  return sys("fstatat", ::fstatat, descriptor(), name_of(path), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool SocketDirectory::is_still_named() const noexcept {
  if (!is_held()) return true;
  struct stat held {};
  struct stat named {};
  return sys("fstat", ::fstat, descriptor(), &held) == 0 && sys("lstat", ::lstat, own_path_.c_str(), &named) == 0 &&
         FileId(held) == FileId(named);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
