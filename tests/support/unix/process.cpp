#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#if defined(__APPLE__)
#include <mach-o/dyld.h>
#elif !defined(__linux__)
#include <sys/sysctl.h>
#include <sys/types.h>
#endif

extern char** environ;

namespace localsocket::test {

struct ChildProcess::Native {
  pid_t pid = -1;
  std::FILE* output = nullptr;
  int exit_code = -1;
  bool ended = false;
};

namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

ChildProcess detail::spawn_program(const std::vector<std::string>& command_line, NativeHandle output) {
  int ends[2];
  if (::pipe(ends) != 0) check(errno, "pipe");
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output != invalid_handle ? output : ends[1], STDOUT_FILENO);

  std::vector<char*> argv;
  for (const auto& argument : command_line) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  auto native = std::make_unique<ChildProcess::Native>();
  const int error = ::posix_spawn(&native->pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  native->output = ::fdopen(ends[0], "r");
  ChildProcess child(std::move(native));
  check(error, "posix_spawn");
  return child;
}

std::string detail::program_path() {
#if defined(__linux__)
  return "/proc/self/exe";
#else
  char path[4096];
#if defined(__APPLE__)
  uint32_t size = sizeof path;
  if (::_NSGetExecutablePath(path, &size) != 0) check(ENAMETOOLONG, "_NSGetExecutablePath");
#else
  size_t size = sizeof path;
  const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
  if (::sysctl(name, 4, path, &size, nullptr, 0) != 0) check(errno, "sysctl");
#endif
  return path;
#endif
}

ChildProcess::ChildProcess(std::unique_ptr<Native> native) : native_(std::move(native)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(native_, other.native_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!native_) return;
  if (native_->pid > 0) kill();
  std::fclose(native_->output);
}

std::string ChildProcess::read_line() {
  std::string line;
  for (int c; (c = std::fgetc(native_->output)) != EOF && c != '\n';) line.push_back(static_cast<char>(c));
  return line;
}

int ChildProcess::wait() {
  if (native_->ended) return native_->exit_code;
  int status = 0;
  while (::waitpid(native_->pid, &status, 0) < 0) {
    if (errno != EINTR) check(errno, "waitpid");
  }
  native_->ended = true;
  native_->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return native_->exit_code;
}

void ChildProcess::kill() {
  if (!native_->ended) ::kill(native_->pid, SIGKILL);
  wait();
}

unsigned long ChildProcess::id() const { return static_cast<unsigned long>(native_->pid); }

}  // namespace localsocket::test
