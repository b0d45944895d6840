// localsocket: joins standard input and output, or two addresses, by local sockets, and says who is there.
#include <localsocket/config.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

#include "commands.hpp"
#include "end_by_signal.hpp"

using localsocket::Access;
using localsocket::Trust;

namespace tool {
namespace {

using Command = ExitStatus (*)(const Arguments&);

std::string version() {
  return "localsocket " + std::to_string(LOCALSOCKET_VERSION_MAJOR) + '.' + std::to_string(LOCALSOCKET_VERSION_MINOR) +
         '.' + std::to_string(LOCALSOCKET_VERSION_PATCH);
}

/// An option whose value is one of these words.
template <class Value>
void add_choice(CLI::App* command, const char* name, Value& value, const std::map<std::string, Value>& words,
                const std::string& description) {
  std::string all;
  for (const auto& word : words) all.append(all.empty() ? "" : ", ").append(word.first);
  command
      ->add_option_function<std::string>(
          name, [&value, words](const std::string& word) { value = words.at(word); }, description + ": " + all)
      ->check([words, all](const std::string& word) { return words.contains(word) ? "" : "must be one of " + all; })
      ->type_name("WORD");
}

Trust trust_of(const std::string& text) {
  if (text == "same-user") return Trust::same_user;
  if (text == "privileged") return Trust::privileged;
  if (text == "anyone") return Trust::anyone;
  return Trust::account(text);
}

void add_listen_options(CLI::App* command, Arguments& arguments) {
  localsocket::ListenOptions& options = arguments.listen;
  add_choice(command, "--access", options.access,
             {{"current-user", Access::current_user},
              {"any-privilege", Access::current_user_any_privilege},
              {"everyone", Access::everyone}},
             "Who may connect");
  command->add_option("--group", options.group, "Let a group in as well; on Windows an account")->type_name("NAME");
  command
      ->add_option_function<std::string>(
          "--mode", [&options](const std::string& mode) { options.posix.mode = std::stoul(mode, nullptr, 8); },
          "Permissions of the socket's file, octal (Unix)")
      ->check([](const std::string& mode) {
        return !mode.empty() && mode.find_first_not_of("01234567") == std::string::npos && mode.size() <= 4
                   ? ""
                   : "must be an octal number";
      })
      ->type_name("MODE");
  command->add_option("--sddl", options.windows.sddl, "Security descriptor of the pipe (Windows)")->type_name("TEXT");
}

void add_connect_options(CLI::App* command, Arguments& arguments) {
  command
      ->add_option_function<std::string>(
          "--trust", [&arguments](const std::string& who) { arguments.connect.trust = trust_of(who); },
          "Who may listen: same-user, privileged, anyone or an account")
      ->type_name("WHO");
}

void add_timeout(CLI::App* command, Arguments& arguments, const std::string& description) {
  command->add_option("--timeout", arguments.timeout, description)
      ->type_name("SECONDS")
      ->check(CLI::Validator(CLI::NonNegativeNumber).description(""));
}

void add_stream_options(CLI::App* command, Arguments& arguments) {
  command->add_flag("--progress", arguments.progress, "Show on a terminal how much has passed");
}

void add_close_at_end(CLI::App* command, Arguments& arguments) {
  command->add_flag("--close-at-end", arguments.close_at_end,
                    "Close the connection when the input ends; else the peer's end is waited for");
}

void add_verbose(CLI::App* command, Arguments& arguments) {
  command->add_flag("--verbose,-v", arguments.verbose, "Say on standard error when clients can come");
}

/// The commands, each with its options and what it runs.
void add_commands(CLI::App& app, Arguments& arguments, Command& chosen) {
  const auto add = [&](const char* name, const char* description, Command run) {
    CLI::App* command = app.add_subcommand(name, description);
    command->add_option("ADDRESS", arguments.address, "Where")->required()->type_name("");
    command->callback([&chosen, run] { chosen = run; });
    return command;
  };
  CLI::App* listen = add("listen", "Join standard input and output to the first client", &run_listen);
  add_listen_options(listen, arguments);
  add_timeout(listen, arguments, "How long to wait for a client");
  add_close_at_end(listen, arguments);
  add_stream_options(listen, arguments);
  add_verbose(listen, arguments);

  CLI::App* connect = add("connect", "Join standard input and output to a connection", &run_connect);
  add_connect_options(connect, arguments);
  add_timeout(connect, arguments, "How long to look for a listener; 1 unless given");
  add_close_at_end(connect, arguments);
  add_stream_options(connect, arguments);

  CLI::App* relay = add("relay", "Listen, and connect each client to another address", &run_relay);
  relay->add_option("TARGET", arguments.target, "Where to connect to")->required()->type_name("");
  add_listen_options(relay, arguments);
  add_connect_options(relay, arguments);
  add_timeout(relay, arguments, "How long to look for the target's listener; 1 unless given");
  relay->add_flag("--once", arguments.once, "Serve one client, waiting for it as long as the time-out, and end");
  add_choice(relay, "--dump", arguments.dump, {{"hex", DumpForm::hex}, {"lines", DumpForm::lines}},
             "Print what is carried");
  add_stream_options(relay, arguments);
  add_verbose(relay, arguments);

  add("probe", "Print what is at an address, and be no client", &run_probe);
  CLI::App* peer = add("peer", "Print who listens: the process and its user", &run_peer);
  add_connect_options(peer, arguments);
  add_timeout(peer, arguments, "How long to look for a listener; 1 unless given");
  add("address", "Print what an address is to the system", &run_address);
}

void describe(CLI::App& app) {
  // Or a path would be an option on Windows.
  app.allow_windows_style_options(false);
  app.set_version_flag("--version", version());
  app.set_help_all_flag("--help-all", "Print the help of all commands");
  app.require_subcommand(1);
  app.footer(
      "An ADDRESS is a name of the user (echo) or of the machine (machine:echo), a path (/run/echo.sock, "
      "./echo.sock),\n"
      "an abstract name (@echo; Linux) or a pipe (\\\\.\\pipe\\echo; Windows).\n\n"
      "Exit status: 0 done; 1 the connection broke, or something else went wrong; 2 usage, or a malformed address;\n"
      "3 nobody listens; 4 timed out; 5 permission denied; 6 address in use.");
}

int run(int argc, char** argv) {
  Arguments arguments;
  Command command = nullptr;
  CLI::App app("Joins standard input and output, or two addresses, by local sockets, and says who is there.",
               "localsocket");
  describe(app);
  add_commands(app, arguments, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitStatus::usage);
  }
  ExitStatus status = ExitStatus::broken;
  std::string failure;
  try {
    status = command(arguments);
  } catch (const std::system_error& error) {
    status = status_of(error.code());
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  wait_if_asked_to_end();
  if (!failure.empty()) std::cerr << "localsocket: " << failure << '\n';
  return static_cast<int>(status);
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  const int status = tool::run(argc, argv);
  // A thread may still wait for standard input, and nothing can end that.
  std::cout.flush();
  std::_Exit(status);
}
