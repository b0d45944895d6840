// A program that runs once for each user, as an editor or a browser does: whoever starts it again hands the arguments
// to the first one and is done.
//
//     single_instance <address> [argument]...
//
// The first one prints the arguments of all, and ends when one of them is "quit". If it is killed, the next one that is
// started is the first.

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

using namespace std::chrono_literals;

/// Whether the program goes on.
bool open(const std::string& argument) {
  std::cout << argument << std::endl;
  return argument != "quit";
}

bool open_all(LocalStream stream) {
  MessageStream arguments(std::move(stream), {.max_size = 64 * 1024});
  std::string argument;
  std::error_code ec;  // one that breaks off has still said what it said
  while (arguments.receive(argument, 5s, ec)) {
    if (!open(argument)) return false;
  }
  return true;
}

void run(LocalListener& listener, std::span<char*> own_arguments) {
  for (const char* argument : own_arguments) {
    if (!open(argument)) return;
  }
  for (LocalStream other : listener.incoming()) {
    if (!open_all(std::move(other))) return;
  }
}

void hand_over(LocalStream stream, std::span<char*> own_arguments) {
  MessageStream arguments(std::move(stream));
  for (const std::string argument : own_arguments) arguments.send(argument, 5s);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: single_instance <address> [argument]...\n";
    return 2;
  }
  const std::span<char*> arguments(argv + 2, static_cast<std::size_t>(argc - 2));
  try {
    auto role = localsocket::bind_or_connect(argv[1]);
    if (auto* const listener = std::get_if<LocalListener>(&role)) {
      run(*listener, arguments);
    } else {
      hand_over(std::get<LocalStream>(std::move(role)), arguments);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "single_instance: " << error.what() << '\n';
    return 1;
  }
}
