// This library, as a transport.
#pragma once

#include "transport.hpp"

#include <localsocket/localsocket.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace bench {

/// `Policy::prepare(stream)` sets up each connection, and each call waits as long as `Policy::wait()` says.
template <class Policy>
class LocalsocketStream {
 public:
  explicit LocalsocketStream(localsocket::LocalStream stream) : stream_(std::move(stream)) { Policy::prepare(stream_); }

  void send_all(std::span<const std::byte> bytes) { stream_.write_all(bytes, Policy::wait()); }

  std::size_t recv_some(std::span<std::byte> buffer) { return stream_.read_some(buffer, Policy::wait()); }

  bool recv_exact(std::span<std::byte> buffer) {
    std::error_code ec;
    stream_.read_exact(buffer, Policy::wait(), ec);
    if (!ec) return true;
    if (ec == localsocket::Errc::end_of_stream) return false;
    throw std::system_error(ec, "read");
  }

  localsocket::LocalStream release() && { return std::move(stream_); }

 private:
  localsocket::LocalStream stream_;
};

template <class Policy>
class LocalsocketSingle {
 public:
  explicit LocalsocketSingle(LocalsocketStream<Policy> stream) : messages_(std::move(stream).release()) {}

  void send(std::span<const std::byte> message) { messages_.send(message, Policy::wait()); }
  void flush() {}
  std::span<const std::byte> receive() {
    const auto message = messages_.receive(Policy::wait());
    expect(message.has_value(), "the stream ended before a message");
    return *message;
  }

 protected:
  localsocket::MessageStream messages_;
};

template <class Policy>
class LocalsocketBatched : public LocalsocketSingle<Policy> {
 public:
  using LocalsocketSingle<Policy>::LocalsocketSingle;

  void send(std::span<const std::byte> message) { batch_.add(message, Policy::wait()); }
  void flush() { batch_.flush(Policy::wait()); }

 private:
  localsocket::MessageBatch batch_{this->messages_};
};

template <class Policy>
struct LocalsocketTransport {
  using Address = localsocket::LocalAddress;
  using Stream = LocalsocketStream<Policy>;
  using Batched = LocalsocketBatched<Policy>;
  using Single = LocalsocketSingle<Policy>;

  class Listener {
   public:
    explicit Listener(const Address& address) : listener_(localsocket::LocalListener::bind(address)) {}

    Stream accept() { return Stream(listener_.accept(Policy::wait())); }

   private:
    localsocket::LocalListener listener_;
  };

  static Stream connect(const Address& address) {
    return Stream(localsocket::LocalStream::connect(address, Policy::connect_wait()));
  }
};

}  // namespace bench
