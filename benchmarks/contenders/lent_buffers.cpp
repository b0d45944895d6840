// Frames in buffers that this library lends.

#include "frame_workloads.hpp"
#include "session.hpp"

#include <localsocket/localsocket.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace {

using localsocket::BorrowedBuffer;
using localsocket::BufferBorrower;
using localsocket::BufferLender;
using localsocket::LentBuffer;
using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::MessageStream;

/// There is one buffer, so that to have it again is to know that the receiver is done.
class Sender {
 public:
  Sender(const std::string& address, std::size_t size)
      : lender_(BufferLender::create(MessageStream(LocalStream::connect(address), {.handles = true}),
                                     {.buffer_size = size, .buffers = 1})),
        buffer_(lender_.acquire()) {}

  std::span<std::byte> frame() { return buffer_.bytes(); }

  void send() {
    const std::size_t size = buffer_.bytes().size();
    lender_.send(std::move(buffer_), size);
    buffer_ = lender_.acquire();
  }

 private:
  BufferLender lender_;
  LentBuffer buffer_;
};

class Receiver {
 public:
  Receiver(const std::string& address, std::size_t /*size*/) : borrower_(accept(address)) {}

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
