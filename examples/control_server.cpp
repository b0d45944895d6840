// A control socket: each line is a command, and each gets a line for an answer.
//
//     control_server <address>
//
// The commands: `set NAME VALUE`, `get NAME`, `list`. The answers: `ok`, with what was asked for behind it, or `error:`
// and why. A person can type them: socat - UNIX-CONNECT:PATH. It stops at a line or the end of its standard input.

#include <localsocket/localsocket.hpp>

#include <exception>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>

#include "support/server.hpp"

using localsocket::Framing;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

/// The settings that are controlled, for the threads of all clients.
class Settings {
 public:
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::string name;
    std::string value;
    words >> command >> name;
    std::getline(words >> std::ws, value);
    const std::lock_guard lock(mutex_);
    if (command == "set" && !name.empty()) {
      values_[name] = value;
      return "ok";
    }
    if (command == "get" && !name.empty()) {
      const auto found = values_.find(name);
      return found != values_.end() ? "ok " + found->second : "error: there is no " + name;
    }
    if (command == "list" && name.empty()) return list();
    return "error: set NAME VALUE, get NAME or list";
  }

 private:
  std::string list() const {
    std::string names = "ok";
    for (const auto& [name, value] : values_) names += " " + name;
    return names;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

Settings settings;

void serve(LocalStream stream, const localsocket::stop_token& stop) {
  MessageStream lines(std::move(stream), {.max_size = 4096, .framing = Framing::lines});
  std::string line;
  while (lines.receive(line, stop)) lines.send(settings.answer(line), stop);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: control_server <address>\n";
    return 2;
  }
  try {
    example::serve_until_line(argv[1], serve);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "control_server: " << error.what() << '\n';
    return 1;
  }
}
