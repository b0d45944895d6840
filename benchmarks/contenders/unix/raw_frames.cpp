// Frames by the system's own calls: copied through a socket, or in memory that both sides have mapped.

#include "frame_workloads.hpp"
#include "session.hpp"
#include "socket.hpp"

#include <sys/mman.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bench::expect;
using bench::Frames;
using bench::posix::check;
using bench::posix::Descriptor;

using Word = std::array<std::byte, 8>;

using Stream = bench::posix::Stream<bench::posix::Blocking>;

Descriptor accept(const std::string& address) {
  const Descriptor listener = bench::posix::open_listener(address);
  bench::say_ready();
  return Descriptor(check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

/// The frames under way: eight bytes come back for each, in their order.
class Answers {
 public:
  explicit Answers(const Frames& frames) : most_(frames.under_way) {}

  /// Another frame has been sent; waits until one more may be.
  void await_room(Stream& stream) {
    if (++under_way_ == most_) await_one(stream);
  }
  void await_all(Stream& stream) {
    while (under_way_ > 0) await_one(stream);
  }

 private:
  void await_one(Stream& stream) {
    Word answer;
    expect(stream.recv_exact(answer), "the receiver left");
    --under_way_;
  }

  std::size_t most_;
  std::size_t under_way_ = 0;
};

/// The whole frame goes through the socket, and eight bytes back.
struct Copied {
  class Sender {
   public:
    Sender(const std::string& address, const Frames& frames)
        : stream_(bench::posix::connect(address)), frame_(frames.size), answers_(frames) {}

    std::span<std::byte> frame() { return frame_; }

    void send() {
      stream_.send_all(frame_);
      answers_.await_room(stream_);
    }
    void finish() { answers_.await_all(stream_); }

   private:
    Stream stream_;
    std::vector<std::byte> frame_;
    Answers answers_;
  };

  class Receiver {
   public:
    Receiver(const std::string& address, const Frames& frames) : stream_(accept(address)), frame_(frames.size) {}

    std::optional<std::span<const std::byte>> receive() {
      if (is_busy_) stream_.send_all(Word{});
      is_busy_ = stream_.recv_exact(frame_);
      if (!is_busy_) return std::nullopt;
      return frame_;
    }

   private:
    Stream stream_;
    std::vector<std::byte> frame_;
    bool is_busy_ = false;
  };
};

class Mapping {
 public:
  Mapping(int memory, std::size_t size, int protection) : size_(size) {
    data_ = ::mmap(nullptr, size, protection, MAP_SHARED, memory, 0);
    expect(data_ != MAP_FAILED, "mmap");
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(data_, size_); }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), size_}; }

 private:
  void* data_;
  std::size_t size_;
};

/// One message with one descriptor.
struct DescriptorMessage {
  DescriptorMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }

  Word word{};
  iovec part{word.data(), word.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{};
};

void send_descriptor(const Descriptor& socket, int descriptor) {
  DescriptorMessage message;
  cmsghdr* const head = CMSG_FIRSTHDR(&message.header);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  check(::sendmsg(socket.get(), &message.header, MSG_NOSIGNAL), "sendmsg");
}

Descriptor take_descriptor(const Descriptor& socket) {
  DescriptorMessage message;
  check(::recvmsg(socket.get(), &message.header, MSG_CMSG_CLOEXEC), "recvmsg");
  const cmsghdr* const head = CMSG_FIRSTHDR(&message.header);
  expect(head != nullptr, "no descriptor came");
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
  return Descriptor(descriptor);
}

Descriptor make_memory(std::size_t size) {
  Descriptor memory(check(::memfd_create("frames", MFD_CLOEXEC), "memfd_create"));
  check(::ftruncate(memory.get(), static_cast<off_t>(size)), "ftruncate");
  return memory;
}

/// A place in the memory for each frame that may be under way, one after the other.
class Places {
 public:
  Places(int memory, const Frames& frames, int protection)
      : frames_(frames), all_(memory, frames.size * frames.under_way, protection) {}

  std::span<std::byte> all() const { return all_.bytes(); }
  std::span<std::byte> current() const { return all().subspan(current_ * frames_.size, frames_.size); }
  void next() { current_ = (current_ + 1) % frames_.under_way; }

 private:
  Frames frames_;
  Mapping all_;
  std::size_t current_ = 0;
};

/// The memory goes over once; then eight bytes a frame each way.
struct Mapped {
  class Sender {
   public:
    Sender(const std::string& address, const Frames& frames)
        : Sender(bench::posix::connect(address), make_memory(frames.size * frames.under_way), frames) {}

    std::span<std::byte> frame() { return places_.current(); }

    void send() {
      stream_.send_all(Word{});
      places_.next();
      answers_.await_room(stream_);
    }
    void finish() { answers_.await_all(stream_); }

   private:
    Sender(Descriptor socket, const Descriptor& memory, const Frames& frames)
        : places_(memory.get(), frames, PROT_READ | PROT_WRITE),
          stream_(with_memory(std::move(socket), memory)),
          answers_(frames) {
      std::ranges::fill(places_.all(), std::byte{});
    }
    static Descriptor with_memory(Descriptor socket, const Descriptor& memory) {
      send_descriptor(socket, memory.get());
      return socket;
    }

    Places places_;
    Stream stream_;
    Answers answers_;
  };

  class Receiver {
   public:
    Receiver(const std::string& address, const Frames& frames) : Receiver(accept(address), frames) {}

    std::optional<std::span<const std::byte>> receive() {
      Word word{};
      if (is_busy_) {
        stream_.send_all(word);
        places_.next();
      }
      is_busy_ = stream_.recv_exact(word);
      if (!is_busy_) return std::nullopt;
      return places_.current();
    }

   private:
    Receiver(Descriptor socket, const Frames& frames)
        : places_(take_descriptor(socket).get(), frames, PROT_READ), stream_(std::move(socket)) {}

    Places places_;
    Stream stream_;
    bool is_busy_ = false;
  };
};

template <bench::FrameTransport F>
constexpr bench::Workload renamed(std::size_t index, std::string_view name) {
  bench::Workload workload = bench::frame_workloads<F>[index];
  workload.name = name;
  return workload;
}

constexpr std::array workloads{
    bench::frame_workloads<Mapped>[0],           bench::frame_workloads<Mapped>[1],
    bench::frame_workloads<Mapped>[2],           bench::frame_workloads<Mapped>[3],
    renamed<Copied>(0, "copied-frames"),         renamed<Copied>(1, "copied-frames-received"),
    renamed<Copied>(2, "copied-frames-touched"), renamed<Copied>(3, "copied-frames-streamed"),
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
