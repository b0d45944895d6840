// A MessageStream whose peer sends any bytes in any pieces, and any descriptors with them: each message that is
// received is one that was sent, with as many descriptors as it says; a peer that keeps to the format is understood; an
// error stays one; and no descriptor is left open.
//
// The first byte of the input says whether the greeting is sent before it. Then pieces: how many descriptors go with
// it, what is done after it (Step), its size, and its bytes.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <localsocket/localsocket.hpp>
#include <localsocket/unix/descriptors.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace localsocket;
using Bytes = std::span<const std::byte>;

constexpr std::size_t max_size = 100'000;
constexpr std::string_view greeting{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffh\x01", 12};
const Wait at_once(Wait::Clock::duration::zero());

void require(bool holds) {
  if (!holds) std::abort();
}

/// How many of the lowest numbers are descriptors: one system call.
std::size_t open_descriptors() {
  std::array<pollfd, 1000> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i].fd = static_cast<int>(i);
  require(::poll(all.data(), all.size(), 0) >= 0);
  const auto is_open = [](const pollfd& one) { return (one.revents & POLLNVAL) == 0; };
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_open));
}

/// The bits of a piece's second byte.
enum Step : unsigned {
  receive = 1,       // all that is there
  leave = 2,         // the descriptors are not taken
  look = 4,          // at the next size first
  into_memory = 8,   // of the receiver
  repeated = 16,     // the piece's bytes, 256 times
  send_between = 32  // the receiver sends as well
};

/// The bytes that were sent, and where descriptors were sent with them.
struct Sent {
  std::vector<std::byte> bytes;
  std::vector<std::pair<std::size_t, std::size_t>> descriptors;  // where, and how many
};

/// What a plain reader finds.
struct Plain {
  enum class State { message, acknowledgement, incomplete, bad };
  State state = State::incomplete;
  std::size_t descriptors = 0;
  std::size_t size = 0;
  bool is_too_large = false;
};

Plain plain_at(const Sent& sent, std::size_t at) {
  Plain plain;
  if (sent.bytes.size() < at + 6) return plain;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(sent.bytes[at + i]); };
  plain.size = byte(2) + (byte(3) << 8) + (byte(4) << 16) + (byte(5) << 24);
  plain.descriptors = byte(1);
  plain.state = Plain::State::bad;
  plain.is_too_large = plain.size > max_size;
  if (plain.descriptors > MessageStream::most_handles) return plain;
  // Nothing was sent to be acknowledged.
  if (byte(0) == 1 && plain.size == 0 && plain.descriptors == 0) plain.state = Plain::State::acknowledgement;
  if (byte(0) != 0 || plain.is_too_large) return plain;
  const bool is_whole = sent.bytes.size() - at - 6 >= plain.size;
  plain.state = is_whole ? Plain::State::message : Plain::State::incomplete;
  return plain;
}

/// Whether the descriptors were sent with the first bytes of the messages that say so, and only there.
bool are_where_they_belong(const Sent& sent) {
  auto next = sent.descriptors.begin();
  for (std::size_t at = greeting.size();;) {
    const Plain plain = plain_at(sent, at);
    const bool has_some = plain.state != Plain::State::bad && plain.descriptors != 0;
    if (has_some && (next == sent.descriptors.end() || *next++ != std::pair(at, plain.descriptors))) return false;
    const bool goes_on = plain.state == Plain::State::message || plain.state == Plain::State::acknowledgement;
    if (!goes_on) return next == sent.descriptors.end();
    at += 6 + plain.size;
  }
}

class Receiver {
 public:
  Receiver(LocalStream stream, const Sent& sent)
      : messages_(std::move(stream), {.max_size = max_size, .handles = true}), sent_(sent) {}

  bool has_failed() const { return static_cast<bool>(error_); }

  /// All that is there, or until the end.
  void run(unsigned step) {
    if ((step & send_between) != 0) send();
    while (!has_failed() && receive_one(step)) {
    }
  }

  /// After the peer's end: that what was not received is bad.
  void expect_end() {
    skip_acknowledgements();
    const Plain plain = plain_at(sent_, at_);
    if (!has_failed()) {
      require(at_ == sent_.bytes.size() || sent_.bytes.empty());
    } else if (error_ == std::errc::operation_not_supported) {
      require(!is_greeting_right() || starts_with_descriptors());
    } else if (error_ == Errc::message_too_large) {
      require(plain.is_too_large);
    } else {
      require(error_ == Errc::malformed_message);
      require(plain.state != Plain::State::message || !are_where_they_belong(sent_));
    }
  }

 private:
  bool is_greeting_right() const {
    const std::size_t size = std::min(greeting.size(), sent_.bytes.size());
    const Bytes right = std::as_bytes(std::span(greeting)).first(size);
    return std::equal(right.begin(), right.end(), sent_.bytes.begin());
  }
  bool starts_with_descriptors() const {
    return !sent_.descriptors.empty() && sent_.descriptors.front().first < greeting.size();
  }
  void skip_acknowledgements() {
    while (plain_at(sent_, at_).state == Plain::State::acknowledgement) at_ += 6;
  }

  void send() {
    const std::array handles{STDERR_FILENO};
    std::error_code ec;
    messages_.send("x", handles, at_once, ec);
  }

  /// Whether there may be another.
  bool receive_one(unsigned step) {
    static std::vector<std::byte> memory(max_size);
    std::error_code ec;
    if ((step & look) != 0) messages_.next_size(at_once, ec);
    std::optional<Bytes> message;
    if ((step & into_memory) != 0) {
      if (const auto size = messages_.receive(ReadBuffers(memory), at_once, ec)) message = Bytes(memory).first(*size);
    } else {
      message = messages_.receive(at_once, ec);
    }
    if (message) expect_message(*message, (step & leave) == 0);
    if (ec && ec != std::errc::timed_out) {
      error_ = ec;
      messages_.receive(at_once, ec);
      require(ec == error_);
    }
    return message.has_value();
  }

  void expect_message(Bytes message, bool takes) {
    require(is_greeting_right());
    skip_acknowledgements();
    const Plain plain = plain_at(sent_, at_);
    require(plain.state == Plain::State::message && plain.size == message.size());
    require(std::equal(message.begin(), message.end(), sent_.bytes.begin() + static_cast<std::ptrdiff_t>(at_ + 6)));
    at_ += 6 + plain.size;
    if (!takes) return;
    const std::vector<OwnedHandle> handles = messages_.take_handles();
    require(handles.size() == plain.descriptors);
    for (const OwnedHandle& one : handles) require((::fcntl(one.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
  }

  MessageStream messages_;
  const Sent& sent_;
  std::size_t at_ = greeting.size();
  std::error_code error_;
};

/// The end that sends whatever the input says.
class Peer {
 public:
  Peer(LocalStream stream, Sent& sent, Receiver& receiver)
      : stream_(std::move(stream)), sent_(sent), receiver_(receiver) {}

  void send(std::size_t descriptors, Bytes bytes, unsigned step) {
    static const std::vector<int> all(posix::most_descriptors, STDERR_FILENO);
    const auto some = std::span(all).first(std::min(descriptors, all.size()));
    std::error_code ec;
    std::size_t count = posix::send_descriptors(stream_, some, bytes, at_once, ec);
    if (ec == std::errc::timed_out) {
      receiver_.run(step);
      count = posix::send_descriptors(stream_, some, bytes, at_once, ec);
    }
    if (count != 0 && !some.empty()) sent_.descriptors.emplace_back(sent_.bytes.size(), some.size());
    sent_.bytes.insert(sent_.bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
  }

 private:
  LocalStream stream_;
  Sent& sent_;
  Receiver& receiver_;
};

void send_pieces(Bytes input, Peer& peer, Receiver& receiver, std::size_t most) {
  while (input.size() > 3 && !receiver.has_failed()) {
    const auto descriptors = std::to_integer<std::size_t>(input[0]);
    const auto step = std::to_integer<unsigned>(input[1]);
    const std::size_t size = std::min(std::to_integer<std::size_t>(input[2]), input.size() - 3);
    std::vector<std::byte> piece;
    for (int i = 0; i < ((step & repeated) != 0 ? 256 : 1); ++i) {
      piece.insert(piece.end(), input.begin() + 3, input.begin() + static_cast<std::ptrdiff_t>(3 + size));
    }
    input = input.subspan(3 + size);
    peer.send(descriptors, piece, step);
    if ((step & receive) == 0) continue;
    receiver.run(step);
    require(open_descriptors() <= most);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  const std::size_t before = open_descriptors();
  {
    Sent sent;
    auto [theirs, ours] = LocalStream::pair();
    Receiver receiver(std::move(ours), sent);
    {
      Peer peer(std::move(theirs), sent, receiver);
      if (data[0] % 2 == 0) peer.send(0, std::as_bytes(std::span(greeting)), 0);
      // Both ends, those of one message, and what may come with the next two.
      send_pieces(input.subspan(1), peer, receiver, before + 2 + 3 * posix::most_descriptors);
    }
    receiver.run(0);
    receiver.expect_end();
  }
  require(open_descriptors() == before);
  return 0;
}
