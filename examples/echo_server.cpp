// Sends back whatever its clients send, to any number of them at once:
//
//     echo_server <address>
//
// It says when it listens, and stops at a line or the end of its standard input: press Enter, or in a script
//
//     (sleep 10) | echo_server echo.example &
//
// Clients that are connected then see the end of the stream.

#include <localsocket/localsocket.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <system_error>

#include "support/server.hpp"

using localsocket::LocalStream;

namespace {

void echo(LocalStream stream, const localsocket::stop_token& stop) {
  std::array<std::byte, 16 * 1024> buffer;
  std::error_code ec;
  // 0: the client has closed, or there is an error.
  while (const std::size_t size = stream.read_some(buffer, stop, ec)) {
    stream.write_all(std::span(buffer).first(size), stop, ec);
    if (ec) break;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: echo_server <address>\n";
    return 2;
  }
  try {
    example::serve_until_line(argv[1], echo);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echo_server: " << error.what() << '\n';
    return 1;
  }
}
