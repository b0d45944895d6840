// Sends commands to a control socket, each a line, and prints the line that answers it:
//
//     control_client <address> <command>...
//     control_client control.example 'set volume 50' 'get volume'
//
// Exits with 1 if an answer is an error.

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

using localsocket::Framing;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

/// Whether no answer was an error.
bool control(const char* address, int count, char** commands) {
  MessageStream lines(LocalStream::connect(address, patience), {.framing = Framing::lines});
  bool succeeded = true;
  std::string answer;
  for (int i = 0; i < count; ++i) {
    lines.send(std::string(commands[i]), patience);
    if (!lines.receive(answer, patience)) throw std::runtime_error("the server closed the connection");
    std::cout << answer << '\n';
    succeeded = succeeded && !answer.starts_with("error:");
  }
  return succeeded;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: control_client <address> <command>...\n";
    return 2;
  }
  try {
    return control(argv[1], argc - 2, argv + 2) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "control_client: " << error.what() << '\n';
    return 1;
  }
}
