// The workloads of contenders whose calls block.
#pragma once

#include "channels.hpp"
#include "measurement.hpp"
#include "message_workloads.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <array>
#include <cstddef>
#include <future>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

template <ByteStream Stream>
void echo(Stream stream, std::size_t size) {
  std::vector<std::byte> buffer(size);
  while (stream.recv_exact(buffer)) stream.send_all(buffer);
}

template <ByteStream Stream>
void round_trip(Stream& stream, std::span<std::byte> buffer) {
  stream.send_all(buffer);
  expect(stream.recv_exact(buffer), "the server left");
}

template <StreamTransport T>
void serve_echo(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  echo(listener.accept(), session.size);
}

template <StreamTransport T>
void drive_echo(const Session& session) {
  auto stream = T::connect(session.address);
  std::vector<std::byte> buffer(session.size);
  RoundTrips trips(session.count);
  do {
    round_trip(stream, buffer);
  } while (trips.lap());
  trips.report();
}

template <StreamTransport T>
void serve_stream(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  auto stream = listener.accept();
  std::vector<std::byte> buffer(session.size);
  for (std::size_t left = session.size * session.count; left > 0;) {
    const std::size_t n = stream.recv_some(buffer);
    expect(n > 0, "the client left");
    left -= n;
  }
  stream.send_all(std::span(buffer).first(1));
}

template <StreamTransport T>
void drive_stream(const Session& session) {
  auto stream = T::connect(session.address);
  std::vector<std::byte> buffer(session.size);
  const Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) stream.send_all(buffer);
  expect(stream.recv_exact(std::span(buffer).first(1)), "the server left");
  stopwatch.report(session.count);
}

template <StreamTransport T>
void serve_connect(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  for (std::size_t i = 0; i < session.count; ++i) static_cast<void>(listener.accept());
}

template <StreamTransport T>
void drive_connect(const Session& session) {
  const typename T::Address address = session.address;
  std::byte byte;
  const Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) {
    auto stream = T::connect(address);
    expect(stream.recv_some({&byte, 1}) == 0, "a byte that nobody sent");
  }
  stopwatch.report(session.count);
}

template <StreamTransport T>
void serve_clients(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < concurrent_clients; ++i) {
    threads.emplace_back(
        [stream = listener.accept(), size = session.size]() mutable { echo(std::move(stream), size); });
  }
}

template <StreamTransport T>
void drive_clients(const Session& session) {
  const std::size_t each = session.count / concurrent_clients;
  std::vector<std::jthread> threads;
  std::promise<void> start;
  const std::shared_future<void> started = start.get_future().share();
  for (std::size_t i = 0; i < concurrent_clients; ++i) {
    threads.emplace_back([&session, started, each, stream = T::connect(session.address)]() mutable {
      std::vector<std::byte> buffer(session.size);
      started.wait();
      for (std::size_t trip = 0; trip < each; ++trip) round_trip(stream, buffer);
    });
  }
  const Stopwatch stopwatch;
  start.set_value();
  threads.clear();
  stopwatch.report(each * concurrent_clients);
}

/// Both ends in one process, and what is read is always there: nothing waits, so that instructions can be counted.
template <StreamTransport T>
void drive_ready(const Session& session) {
  typename T::Listener listener(session.address);
  auto sender = T::connect(session.address);
  auto receiver = listener.accept();
  std::vector<std::byte> buffer(session.size);
  const Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) {
    sender.send_all(buffer);
    expect(receiver.recv_some(buffer) == buffer.size(), "not everything arrived at once");
  }
  stopwatch.report(session.count);
}

/// Until it is killed.
template <StreamTransport T>
void serve_idle(const Session& session) {
  typename T::Listener listener(session.address);
  say_ready();
  for (std::vector<typename T::Stream> streams;;) streams.push_back(listener.accept());
}

template <StreamTransport T>
inline constexpr std::array stream_workloads{
    Workload{"echo", serve_echo<T>, drive_echo<T>},
    Workload{"stream", serve_stream<T>, drive_stream<T>},
    Workload{"connect", serve_connect<T>, drive_connect<T>},
    Workload{"clients", serve_clients<T>, drive_clients<T>},
    Workload{"ready", nullptr, drive_ready<T>},
    Workload{"idle", serve_idle<T>, nullptr},
    Workload{"messages", serve_messages<T, typename T::Batched>, drive_messages<T, typename T::Batched>},
    Workload{"messages-singly", serve_messages<T, typename T::Single>, drive_messages<T, typename T::Single>},
};

}  // namespace bench
