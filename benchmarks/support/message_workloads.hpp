// The workloads that are made of messages.
#pragma once

#include "measurement.hpp"
#include "session.hpp"
#include "transport.hpp"

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

}  // namespace bench
