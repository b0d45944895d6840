// Receives one file from a file_sender:
//
//     file_receiver <address> <file>
//
// It waits half a minute for a sender. The bytes go to <file>.part, which gets its name, replacing an older file, when
// all have arrived with the right checksum. On failure it says why and exits with 1, and <file> is what it was before.

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
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/transfer.hpp"

using localsocket::LocalListener;
using localsocket::LocalStream;
namespace fs = std::filesystem;

namespace {

/// A file that does not have its name until it is whole, and is removed if it never is.
class PartialFile {
 public:
  explicit PartialFile(fs::path target) : target_(std::move(target)), part_(target_) {
    part_ += ".part";
    out_.open(part_, std::ios::binary | std::ios::trunc);
    check("open");
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (complete_) return;
    out_.close();
    std::error_code ignored;
    fs::remove(part_, ignored);
  }

  void write(std::span<const std::byte> bytes) {
    out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    check("write");
  }

  void complete() {
    out_.close();
    check("write");
    fs::rename(part_, target_);
    complete_ = true;
  }

 private:
  void check(const std::string& what) const {
    if (!out_) throw std::system_error(errno, std::generic_category(), "cannot " + what + ' ' + part_.string());
  }

  fs::path target_;
  fs::path part_;
  std::ofstream out_;
  bool complete_ = false;
};

LocalStream wait_for_sender(const char* address) {
  // The listener ends here: one file, one sender. Another sender is not kept waiting, it sees that nobody listens.
  LocalListener listener = LocalListener::bind(address, {.buffer_size = example::buffer_size});
  return listener.accept(example::patience);
}

void receive_file(const char* address, const fs::path& file) {
  // Renaming would replace a device or a link as well.
  const fs::file_status status = fs::symlink_status(file);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw std::runtime_error(file.string() + " is not a regular file");
  }

  LocalStream stream = wait_for_sender(address);
  stream.set_read_timeout(example::patience);
  example::SizeField size_field;
  stream.read_exact(size_field);
  const std::uint64_t size = example::decode_size(size_field);

  PartialFile out(file);
  example::Checksum checksum;
  {
    example::Progress progress(size);
    std::vector<std::byte> buffer(example::buffer_size);
    for (std::uint64_t received = 0; received < size;) {
      const std::uint64_t left = size - received;
      const auto piece = std::span(buffer).first(left < buffer.size() ? static_cast<std::size_t>(left) : buffer.size());
      stream.read_exact(piece);
      checksum.add(piece);
      out.write(piece);
      progress.show(received += piece.size());
    }
  }
  const example::Digest digest = checksum.digest();
  example::Digest sent;
  stream.read_exact(sent);
  if (sent != digest) throw std::runtime_error("the checksum is not the sender's");
  out.complete();

  // The file is here, whether or not the sender still hears of it.
  std::error_code ignored;
  stream.write_all(digest, example::patience, ignored);
  example::print_result(digest, size, file.filename().string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: file_receiver <address> <file>\n";
    return 2;
  }
  try {
    receive_file(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "file_receiver: " << error.what() << '\n';
    return 1;
  }
}
