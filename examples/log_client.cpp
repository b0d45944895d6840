// Sends its standard input, or the output of a command, to a log_server:
//
//     log_client <address> <name> [text | binary | datagram] [<tag>=<value>...]
//     log_client <address> <name> [text | binary] [<tag>=<value>...] -- <command> [argument...]
//
// As a stream of datagrams, each line is one. What a command prints goes to the server without passing through this
// process, which exits as the command did.

#include <localsocket/child_output.hpp>
#include <localsocket/localsocket.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/log_stream.hpp"
#include "support/process.hpp"
#include "support/standard_streams.hpp"

using localsocket::ChildOutput;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

/// Of the arguments behind the address.
example::LogHeader header_from(std::span<char*> arguments) {
  example::LogHeader header;
  header.name = arguments[0];
  header.timestamp = example::timestamp_now();
  if (arguments.size() > 1) header.type = example::log_type(arguments[1]);
  if (header.type != example::LogType::text) header.content_type = "application/octet-stream";
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string_view tag = arguments[i];
    const std::size_t equals = tag.find('=');
    if (equals == std::string_view::npos)
      throw example::LogFormatError("a tag is <tag>=<value>, not " + std::string(tag));
    header.tags[std::string(tag.substr(0, equals))] = tag.substr(equals + 1);
  }
  return header;
}

void send_bytes(LocalStream stream) {
  example::use_binary_standard_streams();
  std::array<char, 16 * 1024> buffer;
  while (std::cin.read(buffer.data(), buffer.size()) || std::cin.gcount() > 0) {
    stream.write_all(std::string_view(buffer.data(), static_cast<std::size_t>(std::cin.gcount())), patience);
  }
}

void send_datagrams(LocalStream stream) {
  MessageStream messages(std::move(stream));
  for (std::string line; std::getline(std::cin, line);) messages.send(line, patience);
}

void send_input(const char* address, const example::LogHeader& header) {
  LocalStream stream = LocalStream::connect(address, patience);
  stream.write_all(example::log_handshake(header, example::LogSource::in_process), patience);
  if (header.type == example::LogType::datagram) {
    send_datagrams(std::move(stream));
  } else {
    send_bytes(std::move(stream));
  }
}

int send_output(const char* address, const example::LogHeader& header, const std::vector<std::string>& command) {
  const std::string handshake = example::log_handshake(header, example::LogSource::child_output);
  ChildOutput output = ChildOutput::connect(address, patience);
  output.write_all(handshake, patience);
  return example::run_with_output(command, std::move(output));
}

}  // namespace

int main(int argc, char** argv) {
  char** const end = argv + argc;
  char** const dashes = std::find(argv, end, std::string_view("--"));
  if (dashes - argv < 3 || end - dashes == 1) {
    std::cerr << "usage: log_client <address> <name> [text | binary | datagram] [<tag>=<value>...]\n"
                 "       log_client <address> <name> [text | binary] [<tag>=<value>...] -- <command> [argument...]\n";
    return 2;
  }
  try {
    const example::LogHeader header = header_from(std::span(argv + 2, dashes));
    if (dashes != end) return send_output(argv[1], header, std::vector<std::string>(dashes + 1, end));
    send_input(argv[1], header);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "log_client: " << error.what() << '\n';
    return 1;
  }
}
