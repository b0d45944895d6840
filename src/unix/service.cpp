#include <localsocket/unix/service.hpp>

#include "system.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::posix {
namespace {

using namespace detail;  // this file is part of the backend
using namespace detail::unix_backend;

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START

std::optional<int> number_in(const char* variable) noexcept {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  int number = -1;
  const auto [end, problem] = std::from_chars(text, text + std::strlen(text), number);
  return problem == std::errc() && *end == '\0' ? number : -1;
}

}  // namespace

std::vector<NativeHandle> inherited_listeners(std::error_code& ec) {
  ec.clear();
  const std::optional<int> process = number_in("LISTEN_PID");
  const std::optional<int> count = number_in("LISTEN_FDS");
  if (!process || !count || *process != ::getpid()) return {};
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (*count < 0) {
    ec = error(Operation::other, std::errc::invalid_argument);
    return {};
  }
  std::vector<NativeHandle> listeners;
  for (int descriptor = first_descriptor; descriptor - first_descriptor < *count; ++descriptor) {
    if (!set_close_on_exec(descriptor)) break;  // fewer than promised
    if (!check_socket(descriptor, true)) listeners.push_back(descriptor);
  }
  return listeners;
}

std::vector<NativeHandle> inherited_listeners() {
  return or_raise("take over listeners", LocalAddress(), [](std::error_code& ec) { return inherited_listeners(ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
