// A child of fork() that runs a function and tells what it returned.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <functional>
#include <string>
#include <system_error>

namespace localsocket::test {

/// A user id that no account of this machine should have; another one for each test process, the same in its children.
inline uid_t unused_user() {
  static const uid_t user = 60'100U + static_cast<uid_t>(::getpid()) % 4'000U;
  return user;
}

/// Whether a child may start threads although its parent had some: the thread sanitizer ends such a child ("dup thread
/// with used id").
#if defined(__SANITIZE_THREAD__)
inline constexpr bool forked_child_may_start_threads = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool forked_child_may_start_threads = false;
#else
inline constexpr bool forked_child_may_start_threads = true;
#endif
#else
inline constexpr bool forked_child_may_start_threads = true;
#endif

/// How a call of the child ended, in words that its parent can compare.
inline std::string outcome(const std::error_code& ec) {
  if (!ec) return "success";
  if (ec == std::errc::permission_denied) return "permission denied";
  if (ec == std::errc::address_in_use) return "address in use";
  if (ec == std::errc::connection_refused) return "nobody";
  return ec.message();
}

/// Runs `body` in a forked child and gives what it returned; "threw: …", or "died: …" when it did not return.
/// The child has this thread only: the body must not wait for another one.
inline std::string in_fork(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(100);  // it has not got the watchdog, which is a thread
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = std::string("threw: ") + error.what();
    }
    const bool told = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "died: signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "died: exit code " + std::to_string(WEXITSTATUS(status));
  return text;
}

/// The same as another user; needs root.
inline std::string as_user(uid_t user, const std::function<std::string()>& body) {
  return in_fork([&]() -> std::string {
    if (::setgid(user) != 0 || ::setuid(user) != 0) return "cannot be another user";
    return body();
  });
}

}  // namespace localsocket::test
