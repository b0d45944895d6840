#include <localsocket/unix/service.hpp>

#include "system.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#if defined(__APPLE__)
#include <launch.h>
#endif
#include <sys/stat.h>

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

/// The parts between colons, of which the last ones may be missing.
std::vector<std::string> names_in(const char* variable) {
  std::vector<std::string> names;
  const char* const text = std::getenv(variable);
  for (std::string_view rest = text == nullptr ? "" : text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

bool is_same_socket(int one, int other) noexcept {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Descriptors 0 to 2, where they are that socket.
void lead_nowhere(int socket, std::error_code& ec) noexcept {
  const auto open = [](const char* path, int how) { return ::open(path, how); };
  const Descriptor nowhere(sys("open", open, "/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere.is_open()) ec = last_error(Operation::other);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (ec || !is_same_socket(standard, socket)) continue;
    if (sys("dup2", ::dup2, nowhere.get(), standard) == -1) ec = last_error(Operation::other);
  }
}

}  // namespace

std::vector<InheritedListener> inherited_listeners_with_names(std::error_code& ec) {
  ec.clear();
  const std::optional<int> process = number_in("LISTEN_PID");
  const std::optional<int> count = number_in("LISTEN_FDS");
  if (!process || !count || *process != ::getpid()) return {};
  const std::vector<std::string> names = names_in("LISTEN_FDNAMES");
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  if (*count < 0) {
    ec = error(Operation::other, std::errc::invalid_argument);
    return {};
  }
  std::vector<InheritedListener> listeners;
  for (int i = 0; i < *count; ++i) {
    const int descriptor = first_descriptor + i;
    if (!set_close_on_exec(descriptor)) break;  // fewer than promised
    if (check_socket(descriptor, true)) continue;
    const auto named = static_cast<std::size_t>(i);
    listeners.push_back({descriptor, named < names.size() ? names[named] : "unknown"});
  }
  return listeners;
}

std::vector<NativeHandle> inherited_listeners(std::error_code& ec) {
  std::vector<NativeHandle> handles;
  for (const InheritedListener& listener : inherited_listeners_with_names(ec)) handles.push_back(listener.handle);
  return handles;
}

NativeHandle inetd_socket(std::error_code& ec) {
  ec.clear();
  const bool is_listener = !check_socket(STDIN_FILENO, true);
  if (!is_listener && check_socket(STDIN_FILENO, false)) return invalid_handle;
  const auto duplicate = [](int fd, int command, int lowest) { return ::fcntl(fd, command, lowest); };
  Descriptor socket(sys("fcntl", duplicate, STDIN_FILENO, F_DUPFD_CLOEXEC, first_descriptor));
  if (!socket.is_open()) {
    ec = last_error(Operation::other);
    return invalid_handle;
  }
  lead_nowhere(socket.get(), ec);
  return ec ? invalid_handle : socket.release();
}

std::vector<NativeHandle> launchd_listeners([[maybe_unused]] const std::string& name, std::error_code& ec) {
#if defined(__APPLE__)
  ec.clear();
  int* descriptors = nullptr;
  std::size_t count = 0;
  if (const int problem = ::launch_activate_socket(name.c_str(), &descriptors, &count); problem != 0) {
    // ESRCH: launchd does not run this process.
    ec = native_error(Operation::other, problem == ESRCH ? ENOENT : problem);
    return {};
  }
  const std::unique_ptr<int, decltype(&std::free)> memory(descriptors, &std::free);
  return {descriptors, descriptors + count};
#else
  ec = error(Operation::other, std::errc::operation_not_supported);
  return {};
#endif
}

std::vector<InheritedListener> inherited_listeners_with_names() {
  return or_raise("take over listeners", LocalAddress(),
                  [](std::error_code& ec) { return inherited_listeners_with_names(ec); });
}

std::vector<NativeHandle> inherited_listeners() {
  return or_raise("take over listeners", LocalAddress(), [](std::error_code& ec) { return inherited_listeners(ec); });
}

NativeHandle inetd_socket() {
  return or_raise("take over standard input", LocalAddress(), [](std::error_code& ec) { return inetd_socket(ec); });
}

std::vector<NativeHandle> launchd_listeners(const std::string& name) {
  return or_raise("take over listeners", LocalAddress(),
                  [&](std::error_code& ec) { return launchd_listeners(name, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
