#include "runtime_directory.hpp"

#include "socket_file.hpp"

#include <cstdlib>
#include <string_view>

namespace localsocket::detail::unix_backend {
namespace {

constexpr std::string_view fallback_prefix = "/tmp/localsocket-";

std::string fallback() { return fmt::format("{}{}", fallback_prefix, ::geteuid()); }

/// The fallback, if the path is in it. Most paths are elsewhere, and told by their first bytes.
std::string fallback_of(const std::string& path) {
  if (!path.starts_with(fallback_prefix)) return {};
  std::string directory = fallback();
  return path.substr(0, path.rfind('/')) == directory ? directory : std::string();
}

bool is_directory_of_ours(const struct stat& status, mode_t forbidden) noexcept {
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & forbidden) == 0;
}

bool is_private(const struct stat& status) noexcept { return is_directory_of_ours(status, S_IRWXG | S_IRWXO); }

// lstat: a symbolic link could be turned elsewhere after we looked.
bool look_at(const std::string& path, struct stat& status) noexcept {
  return sys("lstat", ::lstat, path.c_str(), &status) == 0;
}

// It need not be readable: whoever may enter it may open it by O_PATH (open(2)).
#if defined(O_PATH)
constexpr int directory_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
#else
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
#endif

Descriptor open_directory(const std::string& path) noexcept {
  const auto open = [](const char* name, int flags) { return ::open(name, flags); };
  return Descriptor(sys("open", open, path.c_str(), directory_flags));
}

/// A umask may have taken permissions of ours away, now or when it was made; it would be of no use to anybody then.
void repair_permissions(const std::string& directory) noexcept {
  struct stat status {};
  const bool lacks = look_at(directory, status) && is_private(status) && (status.st_mode & S_IRWXU) != S_IRWXU;
  if (lacks) sys("chmod", ::chmod, directory.c_str(), mode_t{S_IRWXU});
}

}  // namespace

std::string runtime_directory() {
  const char* const variable = std::getenv("XDG_RUNTIME_DIR");
  if (variable == nullptr || *variable != '/') return fallback();
  std::string directory(variable);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  struct stat status {};
  const bool usable = look_at(directory, status) && is_directory_of_ours(status, S_IWGRP | S_IWOTH);
  return usable ? directory : fallback();
}

FallbackDirectory FallbackDirectory::open(const std::string& path, Operation operation, std::error_code& ec) {
  FallbackDirectory directory;
  directory.name_ = fallback_of(path);
  if (directory.name_.empty()) return directory;
  directory.descriptor_ = open_directory(directory.name_);
  struct stat status {};
  if (!directory.is_open()) {
    // What is no directory, or a link to one, is somebody's trap.
    const bool is_trap = errno == ENOTDIR || errno == ELOOP;
    ec = is_trap ? error(operation, std::errc::permission_denied) : last_error(operation);
  } else if (sys("fstat", ::fstat, directory.descriptor_.get(), &status) != 0) {
    ec = last_error(operation);
  } else if (!is_private(status)) {
    ec = error(operation, std::errc::permission_denied);
  }
  return directory;
}

FallbackDirectory FallbackDirectory::make(const std::string& path, std::error_code& ec) {
  const std::string name = fallback_of(path);
  if (name.empty()) return {};
  if (sys("mkdir", ::mkdir, name.c_str(), mode_t{S_IRWXU}) != 0 && errno != EEXIST) {
    ec = last_error(Operation::bind);
    return {};
  }
  repair_permissions(name);
  return open(path, Operation::bind, ec);
}

std::string FallbackDirectory::through([[maybe_unused]] const std::string& path) const {
#if defined(__linux__)
  std::string way = fmt::format("/proc/self/fd/{}{}", descriptor_.get(), path.substr(name_.size()));
  if (way.size() <= longest_path) return way;
#endif
  return {};
}

bool FallbackDirectory::has(const std::string& path) const noexcept {
  struct stat status {};
  const char* const name = path.c_str() + name_.size() + 1;
  return sys("fstatat", ::fstatat, descriptor_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool FallbackDirectory::is_still_named() const noexcept {
  if (!is_open()) return true;
  struct stat held {};
  struct stat named {};
  return sys("fstat", ::fstat, descriptor_.get(), &held) == 0 && look_at(name_, named) && FileId(held) == FileId(named);
}

}  // namespace localsocket::detail::unix_backend
