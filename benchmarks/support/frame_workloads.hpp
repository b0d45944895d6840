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

/// `Sender(address, size)`: the bytes of a frame are written where frame() says, and then sent; send() returns when the
/// receiver is done with it. `Receiver(address, size)` says that it is ready, and gives each frame, which it is done
/// with at the next call; none at the end.
template <class F>
concept FrameTransport = std::constructible_from<typename F::Sender, const std::string&, std::size_t> &&
    std::constructible_from<typename F::Receiver, const std::string&, std::size_t> &&
    requires(typename F::Sender sender, typename F::Receiver receiver) {
  { sender.frame() } -> std::same_as<std::span<std::byte>>;
  sender.send();
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

template <FrameTransport F, class Bytes>
void serve_frames(const Session& session) {
  typename F::Receiver receiver(session.address, session.size);
  while (const auto frame = receiver.receive()) Bytes::read(*frame);
}

template <FrameTransport F, class Bytes>
void drive_frames(const Session& session) {
  typename F::Sender sender(session.address, session.size);
  RoundTrips trips(session.count);
  std::byte value{};
  do {
    Bytes::write(sender.frame(), value = std::byte{static_cast<unsigned char>(std::to_integer<int>(value) + 1)});
    sender.send();
  } while (trips.lap());
  trips.report();
}

template <FrameTransport F>
inline constexpr std::array frame_workloads{
    Workload{"frames", serve_frames<F, Untouched>, drive_frames<F, Untouched>},
    Workload{"frames-touched", serve_frames<F, Touched>, drive_frames<F, Touched>},
};

}  // namespace bench
