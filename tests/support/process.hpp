// Other processes: this same program, running one registered function.
//
//     CHILD_PROCESS(echo_once) {                       // at namespace scope; `args` are its arguments
//       auto listener = LocalListener::bind(args[0]);
//       report("listening");
//       ...
//       return 0;                                      // its exit code
//     }
//
//     auto child = spawn("echo_once", {address.text()});
//     ASSERT_EQ(child.read_line(), "listening");
//     EXPECT_EQ(child.wait(), 0);
#pragma once

#include <localsocket/platform.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace localsocket::test {

using ChildArguments = std::vector<std::string>;
using ChildBody = int (*)(const ChildArguments& args);

/// What wait() gives for a process that was killed.
inline constexpr int killed_exit_code = 137;

/// A process of ours; killed, if it still runs, when this is destroyed.
class ChildProcess {
 public:
  struct Native;
  explicit ChildProcess(std::unique_ptr<Native> native);
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  ~ChildProcess();

  /// The next line that it report()ed, without the line end; empty when it has ended without one.
  std::string read_line();

  /// All that is left of its output; when it has ended, or closed that.
  std::string read_to_end();

  /// Gives it something to read on its standard input; of spawn_program() only.
  void write(std::string_view text);
  void close_input();

  /// Waits until it has ended, and returns its exit code.
  int wait();

  /// Ends it at once, with no chance to clean up (SIGKILL, TerminateProcess), and waits until it has ended.
  void kill();

  unsigned long id() const;

 private:
  std::unique_ptr<Native> native_;
};

/// Starts this program again, to run the function registered under that name.
ChildProcess spawn(std::string_view name, const ChildArguments& args = {});

/// The same with that handle, instead of a pipe to this process, as the child's standard output; there are no lines to
/// read then. On Windows it must be inheritable.
ChildProcess spawn_into(NativeHandle output, std::string_view name, const ChildArguments& args = {});

/// Starts another program. Its standard input is written by this process, and its standard error is part of its output.
ChildProcess spawn_program(const std::vector<std::string>& command_line);

/// The command line that spawn() uses.
std::vector<std::string> child_command_line(std::string_view name, const ChildArguments& args = {});

/// In a child: tells the parent's read_line().
void report(std::string_view line);

/// Called by main: runs the child's function if the command line asks for one, and returns its exit code.
std::optional<int> run_as_child(int argc, char** argv);

bool register_child(const char* name, ChildBody body);

namespace detail {
struct Streams {
  NativeHandle output = invalid_handle;  ///< unless given, a pipe to this process
  bool with_input = false;               ///< a pipe from this process, instead of its own standard input
  bool with_errors = false;              ///< in the output, instead of on its own standard error
};
/// The system's part of all of these.
ChildProcess start_process(const std::vector<std::string>& command_line, const Streams& streams);
/// The path of this program, as start_process() takes it, in this process and in others.
std::string program_path();
}  // namespace detail

}  // namespace localsocket::test

#define CHILD_PROCESS(name)                                                 \
  static int child_##name(const ::localsocket::test::ChildArguments& args); \
  [[maybe_unused]] static const bool child_##name##_is_registered =         \
      ::localsocket::test::register_child(#name, &child_##name);            \
  static int child_##name([[maybe_unused]] const ::localsocket::test::ChildArguments& args)
