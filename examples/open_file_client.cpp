// Prints files that an open_file_server has opened, and this process only reads:
//
//     open_file_client <address> <name>...
//
// Exits with 1 at the first one that it does not get.

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/open_file.hpp"
#include "support/standard_streams.hpp"

using localsocket::LocalStream;
using localsocket::MessageStream;
using localsocket::OwnedHandle;

namespace {

constexpr std::chrono::seconds patience{30};

OwnedHandle ask_for(MessageStream& messages, const std::string& name) {
  messages.send(name, patience);
  std::string answer;
  if (!messages.receive(answer, patience)) throw std::runtime_error("the server closed the connection");
  std::vector<OwnedHandle> handles = messages.take_handles();
  if (handles.size() != 1) throw std::runtime_error(name + ": " + answer);
  return std::move(handles.front());
}

void print(const OwnedHandle& file) {
  std::array<std::byte, 64 * 1024> buffer;
  while (const std::size_t size = example::read_some(file, buffer)) {
    std::cout.write(reinterpret_cast<const char*>(buffer.data()), static_cast<std::streamsize>(size));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: open_file_client <address> <name>...\n";
    return 2;
  }
  try {
    example::use_binary_standard_streams();
    MessageStream messages(LocalStream::connect(argv[1], patience), {.handles = true});
    for (int i = 2; i < argc; ++i) print(ask_for(messages, argv[i]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "open_file_client: " << error.what() << '\n';
    return 1;
  }
}
