// Sends its standard input to a log_server:
//
//     log_client <address> <name> [text | binary | datagram] [<tag>=<value>...]
//
// As a stream of datagrams, each line is one.

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "support/log_stream.hpp"

using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

example::LogHeader header_from(int argc, char** argv) {
  example::LogHeader header;
  header.name = argv[2];
  header.timestamp = example::timestamp_now();
  if (argc > 3) header.type = example::log_type(argv[3]);
  if (header.type != example::LogType::text) header.content_type = "application/octet-stream";
  for (int i = 4; i < argc; ++i) {
    const std::string_view tag = argv[i];
    const std::size_t equals = tag.find('=');
    if (equals == std::string_view::npos)
      throw example::LogFormatError("a tag is <tag>=<value>, not " + std::string(tag));
    header.tags[std::string(tag.substr(0, equals))] = tag.substr(equals + 1);
  }
  return header;
}

void send_bytes(LocalStream stream) {
  std::array<char, 16 * 1024> buffer;
  while (std::cin.read(buffer.data(), buffer.size()) || std::cin.gcount() > 0) {
    stream.write_all(std::string_view(buffer.data(), static_cast<std::size_t>(std::cin.gcount())), patience);
  }
}

void send_datagrams(LocalStream stream) {
  MessageStream messages(std::move(stream));
  for (std::string line; std::getline(std::cin, line);) messages.send(line, patience);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: log_client <address> <name> [text | binary | datagram] [<tag>=<value>...]\n";
    return 2;
  }
  try {
    const example::LogHeader header = header_from(argc, argv);
    LocalStream stream = LocalStream::connect(argv[1], patience);
    example::send_log_handshake(stream, header, example::LogSource::in_process, patience);
    if (header.type == example::LogType::datagram) {
      send_datagrams(std::move(stream));
    } else {
      send_bytes(std::move(stream));
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "log_client: " << error.what() << '\n';
    return 1;
  }
}
