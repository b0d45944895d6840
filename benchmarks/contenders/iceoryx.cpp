// Frames in iceoryx: memory of a daemon, in which a publisher writes and a subscriber, which it trusts, reads.

#include "frame_workloads.hpp"
#include "session.hpp"
#include "unix/socket.hpp"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace {

using bench::expect;
using bench::Frames;
using bench::posix::check;
using bench::posix::Descriptor;

constexpr std::size_t word_size = 8;

/// The daemon, with memory for such frames.
class Daemon {
 public:
  Daemon(const std::string& address, const Frames& frames) {
    const std::string config = address + ".toml";
    const std::size_t count = frames.under_way + 3;  // one is being written and one read, and one is the end
    std::ofstream(config) << "[general]\nversion = 1\n[[segment]]\n"
                          << "[[segment.mempool]]\nsize = 128\ncount = " << count
                          << "\n[[segment.mempool]]\nsize = " << frames.size + 128 << "\ncount = " << count << '\n';
    std::array<std::string, 7> words{"iox-roudi", "--config-file",     config, "--log-level",
                                     "off",       "--monitoring-mode", "off"};
    std::array<char*, words.size() + 1> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    const int failure = ::posix_spawnp(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ);
    if (failure != 0) throw std::system_error(failure, std::generic_category(), words[0]);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) == -1 && errno == EINTR) {
    }
  }

 private:
  pid_t pid_ = 0;
};

void join(const char* name) {
  iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kOff,
                                                           iox::log::LogLevelOutput::kHideLogLevel);
  iox::runtime::PoshRuntime::initRuntime({iox::cxx::TruncateToCapacity, name});
}

iox::capro::ServiceDescription topic(const char* what) {
  return {"bench", "frames", {iox::cxx::TruncateToCapacity, what}};
}

constexpr const char* of_frames = "frames";
constexpr const char* of_answers = "answers";

class Publisher {
 public:
  explicit Publisher(const char* what)
      : publisher_(topic(what), {.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER}) {}

  /// What is published before that is lost; there is nothing to wait with.
  void await_subscriber() const {
    while (!publisher_.hasSubscribers()) std::this_thread::yield();
  }
  std::span<std::byte> loan(std::size_t size) {
    auto loaned = publisher_.loan(static_cast<std::uint32_t>(size));
    expect(!loaned.has_error(), "no memory of the daemon's is free");
    return {static_cast<std::byte*>(loaned.value()), size};
  }
  void publish(std::span<std::byte> loaned) { publisher_.publish(loaned.data()); }

 private:
  iox::popo::UntypedPublisher publisher_;
};

class Subscriber {
 public:
  Subscriber(const char* what, const Frames& frames)
      : subscriber_(topic(what), {.queueCapacity = frames.under_way,
                                  .queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER}) {
    const auto attached = waiting_.attachState(subscriber_, iox::popo::SubscriberState::HAS_DATA);
    expect(!attached.has_error(), "the wait set is full");
  }

  std::span<const std::byte> take() {
    for (;;) {
      const auto taken = subscriber_.take();
      if (!taken.has_error()) {
        const auto* const header = iox::mepoo::ChunkHeader::fromUserPayload(taken.value());
        return {static_cast<const std::byte*>(taken.value()), header->userPayloadSize()};
      }
      waiting_.wait();
    }
  }
  void release(std::span<const std::byte> taken) { subscriber_.release(taken.data()); }

 private:
  iox::popo::UntypedSubscriber subscriber_;
  iox::popo::WaitSet<1> waiting_;
};

/// A frame of one byte is the end.
class Sender {
 public:
  Sender(const std::string& address, const Frames& frames) : frames_(frames) {
    // The system closes it when this process has left the daemon, which ends then.
    static const Descriptor presence = bench::posix::connect(address);
    join("sender");
    publisher_.emplace(of_frames);
    answers_.emplace(of_answers, frames);
    publisher_->await_subscriber();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() {
    finish();
    publisher_->publish(publisher_->loan(1));
    ++under_way_;
    finish();
  }

  std::span<std::byte> frame() {
    if (frame_.empty()) frame_ = publisher_->loan(frames_.size);
    return frame_;
  }
  void send() {
    publisher_->publish(frame());
    frame_ = {};
    if (++under_way_ == frames_.under_way) await_answer();
  }
  void finish() {
    while (under_way_ > 0) await_answer();
  }

 private:
  void await_answer() {
    answers_->release(answers_->take());
    --under_way_;
  }

  Frames frames_;
  std::size_t under_way_ = 0;
  std::optional<Publisher> publisher_;
  std::optional<Subscriber> answers_;
  std::span<std::byte> frame_;
};

class Receiver {
 public:
  Receiver(const std::string& address, const Frames& frames) : listener_(bench::posix::open_listener(address)) {
    static const Daemon daemon(address, frames);
    join("receiver");
    frames_.emplace(of_frames, frames);
    publisher_.emplace(of_answers);
    bench::say_ready();
    presence_ = Descriptor(check(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
    publisher_->await_subscriber();
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() {
    std::byte nothing{};
    ::recv(presence_.get(), &nothing, 1, 0);
  }

  std::optional<std::span<const std::byte>> receive() {
    if (!frame_.empty()) answer();
    frame_ = frames_->take();
    if (frame_.size() > 1) return frame_;
    answer();
    return std::nullopt;
  }

 private:
  void answer() {
    frames_->release(std::exchange(frame_, {}));
    publisher_->publish(publisher_->loan(word_size));
  }

  Descriptor listener_;
  Descriptor presence_{-1};
  std::optional<Subscriber> frames_;
  std::optional<Publisher> publisher_;
  std::span<const std::byte> frame_;
};

struct Iceoryx {
  using Sender = ::Sender;
  using Receiver = ::Receiver;
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::frame_workloads<Iceoryx>); }
