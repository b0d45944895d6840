// Lists the keys of an ssh-agent, each with its kind and its comment:
//
//     ssh_agent_client [address]
//
// Without an address it asks the agent that ssh would ask: SSH_AUTH_SOCK names its socket, and on Windows OpenSSH's
// agent has a named pipe.

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "support/ssh_agent.hpp"

using example::AgentMessage;
using example::AgentReader;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

std::string agent_address() {
  const char* const socket = std::getenv("SSH_AUTH_SOCK");
  return socket != nullptr ? socket : R"(\\.\pipe\openssh-ssh-agent)";
}

void list_keys(const std::string& address) {
  MessageStream messages(LocalStream::connect(address, patience), example::agent_options);
  messages.send(std::array{static_cast<std::byte>(AgentMessage::request_identities)}, patience);
  const auto answer = messages.receive(patience);
  if (!answer) throw std::runtime_error("the agent closed the connection");
  AgentReader reader(*answer);
  if (reader.message() != AgentMessage::identities_answer) throw std::runtime_error("the agent refused");
  const std::uint32_t count = reader.number();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string key = reader.text();
    const std::string comment = reader.text();
    std::cout << AgentReader(std::as_bytes(std::span(key))).text() << ' ' << comment << '\n';
  }
  if (count == 0) std::cout << "no keys\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    std::cerr << "usage: ssh_agent_client [address]\n";
    return 2;
  }
  try {
    list_keys(argc == 2 ? argv[1] : agent_address());
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "ssh_agent_client: " << error.what() << '\n';
    return 1;
  }
}
