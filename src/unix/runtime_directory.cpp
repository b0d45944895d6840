#include "runtime_directory.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

constexpr std::string_view fallback_prefix = "/tmp/localsocket-";
constexpr std::string_view login_prefix = "/run/user/";

std::string fallback() { return fmt::format("{}{}", fallback_prefix, ::geteuid()); }

/// Empty unless it is set and absolute (XDG Base Directory Specification).
std::string directory_in_environment() {
  const char* const variable = std::getenv("XDG_RUNTIME_DIR");
  if (variable == nullptr || *variable != '/') return {};
  std::string directory(variable);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

/// What the system itself gives a user: of a login where it has those (pam_systemd(8)), and on macOS the cache
/// directory, because files of the temporary one are removed when nobody has used them for three days (confstr(3)).
std::string directory_of_system() {
#if defined(__linux__)
  return fmt::format("{}{}", login_prefix, ::geteuid());
#elif defined(__APPLE__)
  char directory[PATH_MAX];
  const std::size_t size = ::confstr(_CS_DARWIN_USER_CACHE_DIR, static_cast<char*>(directory), sizeof directory);
  std::string result(static_cast<const char*>(directory), size > 1 && size <= sizeof directory ? size - 1 : 0);
  while (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
#else
  return {};
#endif
}

// lstat: a symbolic link could be turned elsewhere after we looked.
bool look_at(const char* path, struct stat& status) noexcept { return sys("lstat", ::lstat, path, &status) == 0; }

constexpr mode_t others_write = S_IWGRP | S_IWOTH;

/// Of a directory that is no link.
Maker maker_in(const char* directory) noexcept {
  struct stat status {};
  if (!look_at(directory, status) || !S_ISDIR(status.st_mode) || (status.st_mode & others_write) != 0) {
    return Maker::anybody;
  }
  if (status.st_uid == 0) return Maker::root;
  return status.st_uid == ::geteuid() ? Maker::ourselves : Maker::anybody;
}

// Looked at once: nobody but root can change it.
bool is_roots(const char* directory) noexcept {
  return maker_in("/") == Maker::root && maker_in(directory) == Maker::root;
}

bool is_directory(const char* path) noexcept {
  struct stat status {};
  return look_at(path, status) && S_ISDIR(status.st_mode);
}

bool is_in(const std::string& path, std::string_view directory) noexcept {
  return path.starts_with(directory) && path.rfind('/') == directory.size();
}

}  // namespace

std::vector<std::string> runtime_directories() {
  std::vector<std::string> directories;
  for (const std::string& directory : {directory_in_environment(), directory_of_system(), fallback()}) {
    const bool is_known = std::find(directories.begin(), directories.end(), directory) != directories.end();
    if (!directory.empty() && !is_known) directories.push_back(directory);
  }
  return directories;
}

bool is_good_directory(const std::string& path, std::error_code& ec) noexcept {
  struct stat status {};
  if (!look_at(path.c_str(), status)) {
    const bool is_none =
        errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP || errno == ENAMETOOLONG;
    if (!is_none) ec = last_error(Operation::other);
    return false;
  }
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & others_write) == 0;
}

// Most paths are elsewhere, and told by their first bytes.
bool is_in_fallback(const std::string& path) { return path.starts_with(fallback_prefix) && is_in(path, fallback()); }

std::string_view machine_directory() noexcept {
  static const bool has_run = is_directory("/run");
  return has_run ? "/run" : "/var/run";
}

Maker maker_of_name(const std::string& path) noexcept {
  if (path.starts_with(login_prefix)) {
    static const bool is_safe = is_roots("/run") && is_roots("/run/user");
    return is_safe ? Maker::ourselves : Maker::anybody;
  }
  if (!is_in(path, machine_directory())) return Maker::anybody;
  static const bool is_safe =
      machine_directory() == "/run" ? is_roots("/run") : is_roots("/var") && is_roots("/var/run");
  return is_safe ? Maker::root : Maker::anybody;
}

bool only_root_or_we_can_write_to_directories_of(const std::string& path) {
  if (maker_in("/") == Maker::anybody) return false;
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    if (maker_in(path.substr(0, end).c_str()) == Maker::anybody) return false;
  }
  return true;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
