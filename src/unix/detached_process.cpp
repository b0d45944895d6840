#include "backend.hpp"
#include "system.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <sys/wait.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace unix_backend {
namespace {

// What follows runs in the child, where other threads do not exist any more and may have held any lock: only what
// signal-safety(7) lists may be called. execvp is not on the list, but takes no lock and no memory of the heap in any C
// library that this is built for.

constexpr int report = 3;  // the descriptor after the standard ones

[[noreturn]] void fail(int descriptor) noexcept {
  const int problem = errno;
  ::_exit(::write(descriptor, &problem, sizeof problem) == sizeof problem ? 127 : 126);
}

void close_from(int first) noexcept {
#if defined(SYS_close_range)
  if (::syscall(SYS_close_range, static_cast<unsigned>(first), ~0U, 0U) == 0) return;
#elif defined(__FreeBSD__)
  ::closefrom(first);
  return;
#endif
  // macOS, and Linux before 5.9. There may be more in theory.
  const long most = std::min(::sysconf(_SC_OPEN_MAX), 1L << 20);
  for (int descriptor = first; descriptor < most; ++descriptor) ::close(descriptor);
}

// A handler is reset by exec, but what this process ignores or blocks would be ignored or blocked there.
void reset_signals() noexcept {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);  // a macro on macOS
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become(char* const* command, int descriptor) noexcept {
  reset_signals();
  // Out of the way of what comes; dup2 would leave close-on-exec off, or do nothing if they are the same.
  const int high = ::fcntl(descriptor, F_DUPFD_CLOEXEC, report + 1);
  const int nowhere = ::open("/dev/null", O_RDWR);
  if (high == -1 || nowhere == -1) fail(descriptor);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(nowhere, standard) == -1) fail(high);
  }
  if (::dup2(high, report) == -1 || ::fcntl(report, F_SETFD, FD_CLOEXEC) == -1) fail(high);
  close_from(report + 1);
  ::execvp(command[0], command);
  fail(report);
}

// A second child is nobody's: its parent, the leader of the new session, is gone, so that it is no leader itself and
// gets no terminal by opening one (setsid(2)), and leaves this process no zombie.
[[noreturn]] void leave(char* const* command, int descriptor) noexcept {
  if (::setsid() == -1) fail(descriptor);
  const pid_t child = ::fork();
  if (child == -1) fail(descriptor);
  if (child == 0) become(command, descriptor);
  ::_exit(0);
}

// Here this process goes on.

/// Every signal is blocked while it lives: in the child no handler of this program is to run.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

std::pair<Descriptor, Descriptor> open_pipe(std::error_code& ec) noexcept {
  int ends[2];
  if (sys("pipe", ::pipe, static_cast<int*>(ends)) != 0) {
    ec = last_error(Operation::other);
    return {};
  }
  for (const int end : ends) set_close_on_exec(end);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

pid_t fork_into(char* const* command, int descriptor) noexcept {
  const NoSignals no_signals;
  const pid_t child = sys("fork", ::fork);
  if (child == 0) leave(command, descriptor);
  return child;
}

/// What went wrong in the child; nothing is written if exec closes its end.
int problem_from(int descriptor) noexcept {
  int problem = 0;
  const ssize_t size =
      unless_interrupted([&] { return sys("read", ::read, descriptor, static_cast<void*>(&problem), sizeof problem); });
  return size < 0 ? errno : problem;
}

}  // namespace
}  // namespace unix_backend

void start_detached(std::span<const std::string> command, std::error_code& ec) {
  using namespace unix_backend;
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  auto [told, telling] = open_pipe(ec);
  if (ec) return;
  const pid_t child = fork_into(arguments.data(), telling.get());
  if (child == -1) {
    ec = last_error(Operation::other);
    return;
  }
  telling = Descriptor();
  // It fails where somebody else waits for every child, or SIGCHLD is ignored: then it is waited for as well.
  unless_interrupted([&] { return sys("waitpid", ::waitpid, child, static_cast<int*>(nullptr), 0); });
  if (const int problem = problem_from(told.get()); problem != 0) ec = native_error(Operation::other, problem);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
