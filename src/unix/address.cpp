#include "runtime_directory.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <filesystem>

namespace localsocket::detail {
namespace {

std::string unless_too_long(std::string native, std::error_code& ec) {
  if (native.size() <= unix_backend::longest_path) return native;
  ec = error(Operation::other, std::errc::filename_too_long);
  return {};
}

}  // namespace

std::string native_name(std::string_view valid_name, std::error_code& ec) {
  return unless_too_long(fmt::format("{}/{}.sock", unix_backend::runtime_directory(), valid_name), ec);
}

std::string native_path(std::string_view path, std::error_code& ec) {
  if (path.ends_with('/')) {
    ec = error(Operation::other, Errc::invalid_address);
    return {};
  }
  if (path.starts_with('/')) return unless_too_long(std::string(path), ec);
  // Made absolute now: a later chdir must not move it.
  const std::filesystem::path directory = std::filesystem::current_path(ec);
  if (ec) return {};
  return unless_too_long((directory / path).native(), ec);
}

std::string native_abstract([[maybe_unused]] std::string_view text_with_at, std::error_code& ec) {
#if defined(__linux__)
  if (text_with_at.size() > 1) {
    std::string native(text_with_at);
    native.front() = '\0';
    return unless_too_long(std::move(native), ec);
  }
#endif
  ec = error(Operation::other, Errc::invalid_address);
  return {};
}

}  // namespace localsocket::detail
