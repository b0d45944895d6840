#include "runtime_directory.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <climits>
#include <filesystem>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

using Natives = std::vector<NativeAddress>;

// A path that is too long for a socket's address can still be had, on Linux: SocketDirectory.
#if defined(__linux__)
constexpr std::size_t longest_native = PATH_MAX - 1;
#else
constexpr std::size_t longest_native = unix_backend::longest_path;
#endif

// bind makes the last one if it has to.
Natives user_natives(std::string_view name) {
  Natives natives;
  const std::vector<std::string> directories = unix_backend::runtime_directories();
  for (const std::string& directory : directories) {
    std::error_code unknown;  // then bind looks again, and reports it
    const bool is_usable = &directory == &directories.back() || unix_backend::is_good_directory(directory, unknown);
    natives.push_back({fmt::format("{}/{}.sock", directory, name), is_usable});
  }
  return natives;
}

std::string native_path(std::string_view path, std::error_code& ec) {
  if (path.ends_with('/')) ec = error(Operation::other, Errc::invalid_address);
  if (ec || path.starts_with('/')) return std::string(path);
  // Made absolute now: a later chdir must not move it.
  const std::filesystem::path directory = std::filesystem::current_path(ec);
  return ec ? std::string() : (directory / path).native();
}

std::string native_abstract([[maybe_unused]] std::string_view name, [[maybe_unused]] std::error_code& ec) {
#if defined(__linux__)
  if (name.size() < unix_backend::longest_path) return std::string(1, '\0').append(name);
  ec = error(Operation::other, std::errc::filename_too_long);
#else
  ec = error(Operation::other, Errc::invalid_address);
#endif
  return {};
}

}  // namespace

Natives native_addresses(AddressForm form, std::string_view rest, std::error_code& ec) {
  Natives natives(1);
  switch (form) {
    case AddressForm::user_name:
      natives = user_natives(rest);
      break;
    case AddressForm::machine_name:
      natives.front().text = fmt::format("{}/{}.sock", unix_backend::machine_directory(), rest);
      break;
    case AddressForm::path:
      natives.front().text = native_path(rest, ec);
      break;
    case AddressForm::abstract_name:
      natives.front().text = native_abstract(rest, ec);
      break;
  }
  for (const NativeAddress& native : natives) {
    if (!ec && native.text.size() > longest_native) ec = error(Operation::other, std::errc::filename_too_long);
  }
  return natives;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
