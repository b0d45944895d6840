// Prints what one command sends with output_sender, until it and all of its children have closed their standard output:
//
//     output_receiver <address>

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>

#include "support/standard_streams.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: output_receiver <address>\n";
    return 2;
  }
  try {
    using namespace localsocket;
    example::use_binary_standard_streams();
    LocalListener listener = LocalListener::bind(argv[1], {.direction = Direction::client_to_server});
    LocalStream output = listener.accept(std::chrono::seconds(30));
    std::array<std::byte, 64 * 1024> buffer;
    while (const std::size_t size = output.read_some(buffer)) {
      std::cout.write(reinterpret_cast<const char*>(buffer.data()), static_cast<std::streamsize>(size));
    }
  } catch (const std::exception& problem) {
    std::cerr << "output_receiver: " << problem.what() << '\n';
    return 1;
  }
}
