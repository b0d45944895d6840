// Frames: large messages of which the receiver tells the sender that it is done with each. A contender has a sender and
// a receiver of them; the workloads are written once.
#pragma once

#include "measurement.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>

namespace bench {

/// The size of each frame, and how many may be under way: sent, and the receiver is not done with them.
struct Frames {
  std::size_t size = 0;
  std::size_t under_way = 1;
};

/// `Sender(address, frames)`: the bytes of a frame are written where frame() says, and then sent; send() returns when
/// another one may be under way, finish() when none is. `Receiver(address, frames)` says that it is ready, and gives
/// each frame, which it is done with at the next call; none at the end.
template <class F>
concept FrameTransport = std::constructible_from<typename F::Sender, const std::string&, const Frames&> &&
    std::constructible_from<typename F::Receiver, const std::string&, const Frames&> &&
    requires(typename F::Sender sender, typename F::Receiver receiver) {
  { sender.frame() } -> std::same_as<std::span<std::byte>>;
  sender.send();
  sender.finish();
  { receiver.receive() } -> std::same_as<std::optional<std::span<const std::byte>>>;
};

/// Nobody looks at the bytes.
struct Untouched {
  static void write(std::span<std::byte> /*frame*/, std::byte /*value*/) noexcept {}
  static void read(std::span<const std::byte> /*frame*/) noexcept {}
};

/// All of them are written, and read.
struct Touched {
  static void write(std::span<std::byte> frame, std::byte value) noexcept {
    std::memset(frame.data(), std::to_integer<int>(value), frame.size());
  }
  static void read(std::span<const std::byte> frame) {
    expect(std::memcmp(frame.data(), frame.data() + 1, frame.size() - 1) == 0,
           "the bytes of a frame are not all alike");
  }
};

template <FrameTransport F, class Bytes, std::size_t under_way>
void serve_frames(const Session& session) {
  typename F::Receiver receiver(session.address, Frames{session.size, under_way});
  while (const auto frame = receiver.receive()) Bytes::read(*frame);
}

/// One after the other: the time of each, until the receiver is done with it.
template <FrameTransport F, class Bytes>
void drive_frames(const Session& session) {
  typename F::Sender sender(session.address, Frames{session.size});
  RoundTrips trips(session.count);
  std::byte value{};
  do {
    Bytes::write(sender.frame(), value = std::byte{static_cast<unsigned char>(std::to_integer<int>(value) + 1)});
    sender.send();
  } while (trips.lap());
  trips.report();
}

/// One after the other, too: the time of each until it is received, which the receiver tells, by a clock that all
/// processes share. When it was sent is all that is written in it.
template <FrameTransport F>
void time_received_frames(const Session& session) {
  typename F::Receiver receiver(session.address, Frames{session.size});
  RoundTrips trips(session.count);
  while (const auto frame = receiver.receive()) {
    const Clock::duration now = Clock::now().time_since_epoch();
    Clock::duration sent{};
    std::memcpy(&sent, frame->data(), sizeof sent);
    trips.add(now - sent);
  }
  trips.report();
}

template <FrameTransport F>
void send_stamped_frames(const Session& session) {
  typename F::Sender sender(session.address, Frames{session.size});
  for (std::size_t left = RoundTrips::warm_up(session.count) + session.count; left > 0; --left) {
    const std::span<std::byte> frame = sender.frame();
    const Clock::duration now = Clock::now().time_since_epoch();
    std::memcpy(frame.data(), &now, sizeof now);
    sender.send();
  }
}

inline constexpr std::size_t streamed_frames = 16;

/// As many under way as may be: the time of all, until the receiver is done with them.
template <FrameTransport F>
void stream_frames(const Session& session) {
  typename F::Sender sender(session.address, Frames{session.size, streamed_frames});
  const auto send = [&](std::size_t count) {
    while (count-- > 0) sender.send();
    sender.finish();
  };
  send(RoundTrips::warm_up(session.count));
  const Stopwatch watch;
  send(session.count);
  watch.report(session.count);
}

template <FrameTransport F>
inline constexpr std::array frame_workloads{
    Workload{"frames", serve_frames<F, Untouched, 1>, drive_frames<F, Untouched>},
    Workload{"frames-received", time_received_frames<F>, send_stamped_frames<F>},
    Workload{"frames-touched", serve_frames<F, Touched, 1>, drive_frames<F, Touched>},
    Workload{"frames-streamed", serve_frames<F, Untouched, streamed_frames>, stream_frames<F>},
};

}  // namespace bench
