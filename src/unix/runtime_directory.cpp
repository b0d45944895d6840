#include "runtime_directory.hpp"

#include "system.hpp"

#include <cstdlib>
#include <optional>
#include <utility>

namespace localsocket::detail::unix_backend {
namespace {

constexpr std::string_view fallback_prefix = "/tmp/localsocket-";

std::string fallback() { return fmt::format("{}{}", fallback_prefix, ::geteuid()); }

/// The fallback, if the path is in it. Most paths are elsewhere, and told by their first bytes.
std::optional<std::string> fallback_of(const std::string& path) {
  if (!path.starts_with(fallback_prefix)) return std::nullopt;
  std::string directory = fallback();
  return path.substr(0, path.rfind('/')) == directory ? std::optional(std::move(directory)) : std::nullopt;
}

bool is_directory_of_ours(const struct stat& status, mode_t forbidden) noexcept {
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & forbidden) == 0;
}

// lstat: a symbolic link could be turned elsewhere after we looked.
bool look_at(const std::string& path, struct stat& status) noexcept {
  return sys("lstat", ::lstat, path.c_str(), &status) == 0;
}

std::error_code check_fallback(const std::string& directory) noexcept {
  struct stat status {};
  if (!look_at(directory, status)) return errno == ENOENT ? std::error_code() : last_error(Operation::other);
  const bool ours = is_directory_of_ours(status, S_IRWXG | S_IRWXO);
  return ours ? std::error_code() : error(Operation::other, std::errc::permission_denied);
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

std::error_code check_runtime_directory(const std::string& path) noexcept {
  const auto directory = fallback_of(path);
  return directory ? check_fallback(*directory) : std::error_code();
}

std::error_code make_runtime_directory(const std::string& path) noexcept {
  const auto directory = fallback_of(path);
  if (!directory) return {};
  if (sys("mkdir", ::mkdir, directory->c_str(), mode_t{S_IRWXU}) != 0 && errno != EEXIST) {
    return last_error(Operation::bind);
  }
  return check_fallback(*directory);
}

}  // namespace localsocket::detail::unix_backend
