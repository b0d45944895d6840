#include "support/process.hpp"

#include <cstdio>
#include <exception>
#include <map>

#include "support/watchdog.hpp"

namespace localsocket::test {

namespace {

constexpr std::string_view option = "--child=";

std::map<std::string, ChildBody, std::less<>>& bodies() {
  static std::map<std::string, ChildBody, std::less<>> map;
  return map;
}

}  // namespace

bool register_child(const char* name, ChildBody body) { return bodies().emplace(name, body).second; }

std::vector<std::string> child_command_line(std::string_view name, const ChildArguments& args) {
  std::vector<std::string> command_line{detail::program_path(), std::string(option).append(name)};
  command_line.insert(command_line.end(), args.begin(), args.end());
  return command_line;
}

ChildProcess spawn(std::string_view name, const ChildArguments& args) { return spawn_into(invalid_handle, name, args); }

ChildProcess spawn_into(NativeHandle output, std::string_view name, const ChildArguments& args) {
  return detail::start_process(child_command_line(name, args), {.output = output});
}

ChildProcess spawn_program(const std::vector<std::string>& command_line) {
  return detail::start_process(command_line, {.with_input = true, .with_errors = true});
}

void report(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

std::optional<int> run_as_child(int argc, char** argv) {
  if (argc < 2 || !std::string_view(argv[1]).starts_with(option)) return std::nullopt;
  const auto name = std::string_view(argv[1]).substr(option.size());
  const auto body = bodies().find(name);
  if (body == bodies().end()) {
    std::fprintf(stderr, "no child process is registered as %s\n", argv[1]);
    return 127;
  }
  const Watchdog watchdog("child process " + body->first);
  try {
    return body->second({argv + 2, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child process %s: %s\n", argv[1], error.what());
    return 126;
  }
}

}  // namespace localsocket::test
