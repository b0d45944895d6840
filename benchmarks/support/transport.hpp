// What a blocking contender has to offer; the workloads are written once, in terms of it.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

namespace bench {

template <class S>
concept ByteStream = std::movable<S> &&
    requires(S stream, std::span<const std::byte> bytes, std::span<std::byte> buffer) {
  stream.send_all(bytes);
  { stream.recv_some(buffer) } -> std::same_as<std::size_t>;  // 0: the end of the stream
  { stream.recv_exact(buffer) } -> std::same_as<bool>;        // false: the stream ended before
};

/// What recv_exact() does, for a stream that has nothing better of its own.
template <class Stream>
bool recv_by_parts(Stream& stream, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const std::size_t n = stream.recv_some(buffer);
    if (n == 0) return false;
    buffer = buffer.subspan(n);
  }
  return true;
}

/// Messages over a connection. What was given to send() has left for certain after flush(); what receive() returns is
/// valid until the next call.
template <class C>
concept MessageChannel = requires(C channel, std::span<const std::byte> message) {
  channel.send(message);
  channel.flush();
  { channel.receive() } -> std::same_as<std::span<const std::byte>>;
};

template <class T>
concept Transport = std::constructible_from<typename T::Listener, const std::string&> &&
    std::convertible_to<const std::string&, typename T::Address> &&
    requires(const typename T::Address& address, typename T::Listener listener) {
  { listener.accept() } -> std::same_as<typename T::Stream>;
  { T::connect(address) } -> std::same_as<typename T::Stream>;
};

template <class T>
concept StreamTransport = Transport<T> && ByteStream<typename T::Stream>;

/// For a peer that did not do what was agreed.
inline void expect(bool kept, const char* what) {
  if (!kept) throw std::runtime_error(what);
}

}  // namespace bench
