// An ssh-agent that has no keys:
//
//     ssh_agent_server <address>
//     SSH_AUTH_SOCK=<address> ssh-add -l          # The agent has no identities.
//
// It stops at a line or the end of its standard input.

#include <localsocket/localsocket.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <iostream>
#include <utility>

#include "support/server.hpp"
#include "support/ssh_agent.hpp"

using example::AgentMessage;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

void serve(LocalStream stream, const localsocket::stop_token& stop) {
  MessageStream messages(std::move(stream), example::agent_options);
  constexpr std::array no_keys{static_cast<std::byte>(AgentMessage::identities_answer), std::byte{}, std::byte{},
                               std::byte{}, std::byte{}};
  constexpr std::array failure{static_cast<std::byte>(AgentMessage::failure)};
  while (const auto request = messages.receive(stop)) {
    if (example::AgentReader(*request).message() == AgentMessage::request_identities) {
      messages.send(no_keys, stop);
    } else {
      messages.send(failure, stop);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: ssh_agent_server <address>\n";
    return 2;
  }
  try {
    example::serve_until_line(argv[1], serve);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "ssh_agent_server: " << error.what() << '\n';
    return 1;
  }
}
