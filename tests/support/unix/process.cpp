#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

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
  int input = -1;
  int exit_code = -1;
  bool ended = false;
};

namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe(ends) != 0) check(errno, "pipe");
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  return {ends[0], ends[1]};
}

}  // namespace

ChildProcess detail::start_process(const std::vector<std::string>& command_line, const Streams& streams) {
  const Pipe output = make_pipe();
  const Pipe input = streams.with_input ? make_pipe() : Pipe();

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const auto give = [&actions](int end, int as) { ::posix_spawn_file_actions_adddup2(&actions, end, as); };
  give(streams.output != invalid_handle ? streams.output : output.write_end, STDOUT_FILENO);
  if (streams.with_errors) give(output.write_end, STDERR_FILENO);
  if (streams.with_input) give(input.read_end, STDIN_FILENO);

  std::vector<char*> argv;
  for (const auto& argument : command_line) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  auto native = std::make_unique<ChildProcess::Native>();
  const int error = ::posix_spawn(&native->pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(output.write_end);
  if (streams.with_input) ::close(input.read_end);
  native->output = ::fdopen(output.read_end, "r");
  native->input = input.write_end;
  ChildProcess child(std::move(native));
  check(error, "posix_spawn");
  return child;
}

std::string detail::program_path() {
  char path[4096];
#if defined(__linux__)
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (size < 0) check(errno, "readlink");
  path[size] = '\0';
#elif defined(__APPLE__)
  uint32_t size = sizeof path;
  if (::_NSGetExecutablePath(path, &size) != 0) check(ENAMETOOLONG, "_NSGetExecutablePath");
#else
  size_t size = sizeof path;
  const int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
  if (::sysctl(name, 4, path, &size, nullptr, 0) != 0) check(errno, "sysctl");
#endif
  return path;
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
  close_input();
}

std::string ChildProcess::read_line() {
  std::string line;
  for (int c; (c = std::fgetc(native_->output)) != EOF && c != '\n';) line.push_back(static_cast<char>(c));
  return line;
}

std::string ChildProcess::read_to_end() {
  std::string text;
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, native_->output)) text.append(buffer, size);
  return text;
}

void ChildProcess::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(native_->input, text.data(), text.size());
    if (size < 0) check(errno, "write");
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

void ChildProcess::close_input() {
  if (native_->input != -1) ::close(std::exchange(native_->input, -1));
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
