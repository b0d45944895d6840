// Receives the frames of a frame_producer, and writes each as a picture:
//
//     frame_consumer <address> <directory>
//
// <directory>/0.png, 1.png and so on. It may be started before the producer: it looks for one for half a minute. The
// pictures are made out of the producer's memory; while one is written the producer draws the next. On failure it says
// why and exits with 1.

#include <localsocket/localsocket.hpp>

#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "support/frame.hpp"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

using localsocket::BorrowedBuffer;
using localsocket::BufferBorrower;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

void write_picture(const std::filesystem::path& file, std::span<const std::byte> pixels) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  const auto write = [](void* to, void* bytes, int size) {
    static_cast<std::ofstream*>(to)->write(static_cast<const char*>(bytes), size);
  };
  const int was_made = stbi_write_png_to_func(write, &out, example::width, example::height, example::colours,
                                              pixels.data(), example::width * example::colours);
  out.close();
  if (was_made == 0 || !out) throw std::runtime_error("cannot write " + file.string());
}

void consume(const char* address, const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  MessageStream messages(LocalStream::connect(address, example::patience), {.handles = true});
  messages.stream().set_read_timeout(example::patience);
  BufferBorrower borrower(std::move(messages));
  std::size_t number = 0;
  while (const std::optional<BorrowedBuffer> frame = borrower.receive()) {
    if (frame->bytes().size() != example::frame_size) throw std::runtime_error("a frame has another size");
    write_picture(directory / (std::to_string(number++) + ".png"), frame->bytes());
  }
  std::cout << number << " frames\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: frame_consumer <address> <directory>\n";
    return 2;
  }
  try {
    consume(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "frame_consumer: " << error.what() << '\n';
    return 1;
  }
}
