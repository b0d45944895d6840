// Opens files for others, which may not be able to, or not know where they are: each request is the name of a file, and
// the answer brings the open file.
//
//     open_file_server <address> <directory>
//
// A name has no directory in it, so nothing outside of that one can be asked for but what a link in it leads to. The
// answers: `ok` with the file, or `error:` and why. It stops at a line or the end of its standard input.

#include <localsocket/localsocket.hpp>

#include <array>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "support/open_file.hpp"
#include "support/server.hpp"

using localsocket::LocalStream;
using localsocket::MessageStream;
using localsocket::OwnedHandle;
namespace fs = std::filesystem;

namespace {

void answer(MessageStream& messages, const fs::path& directory, const std::string& name,
            const localsocket::Wait& wait) {
  OwnedHandle file;
  try {
    const fs::path path(name);
    const bool is_name = path == path.filename();
    if (!is_name || !fs::is_regular_file(directory / path)) throw std::runtime_error("there is no such file");
    file = example::open_to_read(directory / path);
  } catch (const std::exception& problem) {
    return messages.send(std::string("error: ") + problem.what(), wait);
  }
  // The file here is closed at once: the peer has its own.
  const std::array handles{file.native_handle()};
  messages.send("ok", handles, wait);
}

void serve(LocalStream stream, const fs::path& directory, const localsocket::stop_token& stop) {
  MessageStream messages(std::move(stream), {.max_size = 4096, .handles = true});
  std::string name;
  while (messages.receive(name, stop)) answer(messages, directory, name, stop);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: open_file_server <address> <directory>\n";
    return 2;
  }
  try {
    const fs::path directory(argv[2]);
    example::serve_until_line(argv[1], [&directory](LocalStream stream, const localsocket::stop_token& stop) {
      serve(std::move(stream), directory, stop);
    });
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "open_file_server: " << error.what() << '\n';
    return 1;
  }
}
