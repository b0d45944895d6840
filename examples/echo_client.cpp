// Sends text to an echo_server and prints what comes back:
//
//     echo_client <address> [text...]
//
// Without a text it sends the lines of its standard input.

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

using localsocket::LocalStream;
using namespace std::chrono_literals;

namespace {

void echo(LocalStream& stream, std::string_view text) {
  // A piece is small enough for the stream's buffers: while we write, nobody reads what the server sends back.
  std::array<char, 16 * 1024> buffer;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, buffer.size());
    text.remove_prefix(piece.size());
    stream.write_all(piece, 10s);
    const auto reply = std::span(buffer).first(piece.size());
    stream.read_exact(std::as_writable_bytes(reply), 10s);
    std::cout.write(reply.data(), static_cast<std::streamsize>(reply.size()));
  }
  std::cout.flush();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: echo_client <address> [text...]\n";
    return 2;
  }
  try {
    LocalStream stream = LocalStream::connect(argv[1], 5s);
    if (argc > 2) {
      std::string text;
      for (int i = 2; i < argc; ++i) text.append(argv[i]).append(i + 1 < argc ? " " : "\n");
      echo(stream, text);
    } else {
      for (std::string line; std::getline(std::cin, line);) echo(stream, line + '\n');
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echo_client: " << error.what() << '\n';
    return 1;
  }
}
