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
#include <utility>
#include <vector>

namespace {

using bench::expect;
using bench::posix::check;
using bench::posix::Descriptor;

using Word = std::array<std::byte, 8>;

using Stream = bench::posix::Stream<bench::posix::Blocking>;

Descriptor accept(const std::string& address) {
  const Descriptor listener = bench::posix::open_listener(address);
  bench::say_ready();
  return Descriptor(check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
}

/// The whole frame goes through the socket, and eight bytes back.
struct Copied {
  class Sender {
   public:
    Sender(const std::string& address, std::size_t size) : stream_(bench::posix::connect(address)), frame_(size) {}

    std::span<std::byte> frame() { return frame_; }

    void send() {
      stream_.send_all(frame_);
      Word answer;
      expect(stream_.recv_exact(answer), "the receiver left");
    }

   private:
    Stream stream_;
    std::vector<std::byte> frame_;
  };

  class Receiver {
   public:
    Receiver(const std::string& address, std::size_t size) : stream_(accept(address)), frame_(size) {}

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

/// The memory goes over once; then eight bytes a frame each way.
struct Mapped {
  class Sender {
   public:
    Sender(const std::string& address, std::size_t size)
        : Sender(bench::posix::connect(address), make_memory(size), size) {}

    std::span<std::byte> frame() { return frame_.bytes(); }

    void send() {
      Word word{};
      stream_.send_all(word);
      expect(stream_.recv_exact(word), "the receiver left");
    }

   private:
    Sender(Descriptor socket, const Descriptor& memory, std::size_t size)
        : frame_(memory.get(), size, PROT_READ | PROT_WRITE), stream_(with_memory(std::move(socket), memory)) {
      std::ranges::fill(frame_.bytes(), std::byte{});
    }
    static Descriptor with_memory(Descriptor socket, const Descriptor& memory) {
      send_descriptor(socket, memory.get());
      return socket;
    }

    Mapping frame_;
    Stream stream_;
  };

  class Receiver {
   public:
    Receiver(const std::string& address, std::size_t size) : Receiver(accept(address), size) {}

    std::optional<std::span<const std::byte>> receive() {
      Word word{};
      if (is_busy_) stream_.send_all(word);
      is_busy_ = stream_.recv_exact(word);
      if (!is_busy_) return std::nullopt;
      return frame_.bytes();
    }

   private:
    Receiver(Descriptor socket, std::size_t size)
        : frame_(take_descriptor(socket).get(), size, PROT_READ), stream_(std::move(socket)) {}

    Mapping frame_;
    Stream stream_;
    bool is_busy_ = false;
  };
};

constexpr std::array workloads{
    bench::frame_workloads<Mapped>[0],
    bench::frame_workloads<Mapped>[1],
    bench::Workload {
      "copied-frames", bench::serve_frames<Copied, bench::Untouched>, bench::drive_frames<Copied, bench::Untouched>
    },
    bench::Workload {
      "copied-frames-touched", bench::serve_frames<Copied, bench::Touched>, bench::drive_frames<Copied, bench::Touched>
    },
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
