// Sends a file to a file_receiver:
//
//     file_sender <address> <file>
//
// It may be started before the receiver: it looks for one for half a minute. When the receiver has stored the whole
// file, both print its checksum, the one that the tool xxh128sum prints. On failure it says why and exits with 1.

#include <localsocket/localsocket.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "support/transfer.hpp"

using localsocket::LocalStream;

namespace {

void read_exact(std::ifstream& in, std::span<std::byte> bytes) {
  errno = 0;
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (in.eof()) throw std::runtime_error("the file became shorter while it was sent");
  if (!in) throw std::system_error(errno, std::generic_category(), "cannot read the file");
}

void send_file(const char* address, const std::filesystem::path& file) {
  const std::uint64_t size = std::filesystem::file_size(file);
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::system_error(errno, std::generic_category(), "cannot open " + file.string());

  LocalStream stream = LocalStream::connect(address, example::patience);
  stream.set_read_timeout(example::patience);
  stream.set_write_timeout(example::patience);
  stream.write_all(example::encode_size(size));

  example::Checksum checksum;
  {
    example::Progress progress(size);
    std::vector<std::byte> buffer(example::buffer_size);
    for (std::uint64_t sent = 0; sent < size;) {
      const std::uint64_t left = size - sent;
      const auto piece = std::span(buffer).first(left < buffer.size() ? static_cast<std::size_t>(left) : buffer.size());
      read_exact(in, piece);
      checksum.add(piece);
      stream.write_all(piece);
      progress.show(sent += piece.size());
    }
  }
  const example::Digest digest = checksum.digest();
  stream.write_all(digest);

  example::Digest stored;
  stream.read_exact(stored);
  if (stored != digest) throw std::runtime_error("the receiver stored something else");
  example::print_result(digest, size, file.filename().string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: file_sender <address> <file>\n";
    return 2;
  }
  try {
    send_file(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "file_sender: " << error.what() << '\n';
    return 1;
  }
}
