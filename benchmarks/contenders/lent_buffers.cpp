// Frames in buffers that this library lends.

#include "frame_workloads.hpp"
#include "session.hpp"

#include <localsocket/localsocket.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using bench::Frames;
using localsocket::BorrowedBuffer;
using localsocket::BufferBorrower;
using localsocket::BufferLender;
using localsocket::LentBuffer;
using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::MessageStream;

/// There are as many buffers as frames may be under way, so that to have one is to know that another frame may be.
class Sender {
 public:
  Sender(const std::string& address, const Frames& frames)
      : under_way_(frames.under_way),
        lender_(BufferLender::create(MessageStream(LocalStream::connect(address), {.handles = true}),
                                     {.buffer_size = frames.size, .buffers = frames.under_way})) {
    std::vector<LentBuffer> all = acquire(frames.under_way);
    for (LentBuffer& buffer : all) std::ranges::fill(buffer.bytes(), std::byte{});
    buffer_ = std::move(all.front());
  }

  std::span<std::byte> frame() { return buffer_.bytes(); }

  void send() {
    const std::size_t size = buffer_.bytes().size();
    lender_.send(std::move(buffer_), size);
    buffer_ = lender_.acquire();
  }

  void finish() { acquire(under_way_ - 1); }

 private:
  std::vector<LentBuffer> acquire(std::size_t count) {
    std::vector<LentBuffer> buffers(count);
    for (LentBuffer& buffer : buffers) buffer = lender_.acquire();
    return buffers;
  }

  std::size_t under_way_;
  BufferLender lender_;
  LentBuffer buffer_;
};

class Receiver {
 public:
  Receiver(const std::string& address, const Frames& /*frames*/) : borrower_(accept(address)) {}

  std::optional<std::span<const std::byte>> receive() {
    buffer_.reset();
    buffer_ = borrower_.receive();
    if (!buffer_) return std::nullopt;
    return buffer_->bytes();
  }

 private:
  static MessageStream accept(const std::string& address) {
    LocalListener listener = LocalListener::bind(address);
    bench::say_ready();
    return MessageStream(listener.accept(), {.handles = true});
  }

  BufferBorrower borrower_;
  std::optional<BorrowedBuffer> buffer_;
};

struct LentBuffers {
  using Sender = ::Sender;
  using Receiver = ::Receiver;
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::frame_workloads<LentBuffers>); }
