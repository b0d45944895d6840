// The workloads that are made of messages.
#pragma once

#include "measurement.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace bench {

/// The answer to all messages is one byte, the sum of their first bytes: whoever receives has looked at each.
template <Transport T, MessageChannel Channel>
void serve_messages(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  Channel channel(listener.accept());
  unsigned sum = 0;
  for (std::size_t i = 0; i < session.count; ++i) sum += std::to_integer<unsigned>(channel.receive().front());
  const auto answer = static_cast<std::byte>(sum);
  channel.send({&answer, 1});
  channel.flush();
}

template <Transport T, MessageChannel Channel>
void drive_messages(const Session& session) {
  Channel channel(T::connect(session.address));
  const std::vector<std::byte> message(session.size, std::byte{1});
  const Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) channel.send(message);
  channel.flush();
  const auto answer = channel.receive();
  expect(answer.size() == 1 && answer.front() == static_cast<std::byte>(session.count), "not every message arrived");
  stopwatch.report(session.count);
}

/// Both sides know how many there will be: not every message socket tells that its peer has left.
template <Transport T, MessageChannel Channel>
void serve_message_echo(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  Channel channel(listener.accept());
  const std::size_t trips = RoundTrips::warm_up(session.count) + session.count;
  for (std::size_t i = 0; i < trips; ++i) channel.send(channel.receive());
}

template <Transport T, MessageChannel Channel>
void drive_message_echo(const Session& session) {
  Channel channel(T::connect(session.address));
  const std::vector<std::byte> message(session.size);
  RoundTrips trips(session.count);
  do {
    channel.send(message);
    expect(channel.receive().size() == message.size(), "not what was sent");
  } while (trips.lap());
  trips.report();
}

/// Of contenders that know messages only.
template <Transport T>
inline constexpr std::array message_workloads{
    Workload{"echo", serve_message_echo<T, typename T::Channel>, drive_message_echo<T, typename T::Channel>},
    Workload{"stream", serve_messages<T, typename T::Channel>, drive_messages<T, typename T::Channel>},
    Workload{"messages", serve_messages<T, typename T::Channel>, drive_messages<T, typename T::Channel>},
};

}  // namespace bench
