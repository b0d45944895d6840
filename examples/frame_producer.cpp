// Draws frames for a frame_consumer, into memory that the consumer reads them from: none is copied.
//
//     frame_producer <address> <frames>
//
// It serves one consumer, for which it waits half a minute, and draws as fast as that gives buffers back. On failure it
// says why and exits with 1.

#include <localsocket/localsocket.hpp>

#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <utility>

#include "support/frame.hpp"

using localsocket::BufferLender;
using localsocket::LentBuffer;
using localsocket::LocalListener;
using localsocket::MessageStream;

namespace {

std::byte level(std::size_t value) { return static_cast<std::byte>(value % 256); }

/// Colours that move to the right, and a bar below that grows to the whole width with the last frame.
void draw(std::span<std::byte> pixels, std::size_t number, std::size_t frames) {
  constexpr std::size_t bar_begin = example::height - 40;
  const std::size_t bar_width = example::width * (number + 1) / frames;
  for (std::size_t y = 0; y < example::height; ++y) {
    for (std::size_t x = 0; x < example::width; ++x) {
      const auto pixel = pixels.subspan((y * example::width + x) * example::colours);
      const bool is_bar = y >= bar_begin && x < bar_width;
      pixel[0] = is_bar ? level(255) : level((x + example::width - 4 * number) / 5);
      pixel[1] = is_bar ? level(255) : level(y / 3);
      pixel[2] = is_bar ? level(255) : level(128 + 2 * number);
    }
  }
}

void produce(const char* address, std::size_t frames) {
  LocalListener listener = LocalListener::bind(address);
  std::cout << "listening on " << listener.local_address() << std::endl;
  MessageStream messages(listener.accept(example::patience), {.handles = true});
  messages.stream().set_read_timeout(example::patience);
  BufferLender lender =
      BufferLender::create(std::move(messages), {.buffer_size = example::frame_size}, example::patience);
  for (std::size_t number = 0; number < frames; ++number) {
    LentBuffer frame = lender.acquire();  // waits while the consumer has all of them
    draw(frame.bytes().first(example::frame_size), number, frames);
    lender.send(std::move(frame), example::frame_size);
  }
  // The connection ends with the lender, and what has been sent arrives all the same.
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: frame_producer <address> <frames>\n";
    return 2;
  }
  try {
    produce(argv[1], std::stoul(argv[2]));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "frame_producer: " << error.what() << '\n';
    return 1;
  }
}
