// Listeners and clients of a test.
#pragma once

#include <localsocket/localsocket.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/test.hpp"

namespace localsocket::test {

/// A listener at an address of its own.
inline LocalListener listening(const ListenOptions& options = {}) {
  return LocalListener::bind(LocalAddress::unique(), options);
}

/// An address that other users can come to: a user's name is for its user alone, and not everybody may have one of the
/// machine.
inline LocalAddress open_address() {
  return LocalAddress::path(std::string(platform.path_prefix) + LocalAddress::unique().text());
}

/// How an accept or a connect ended, in the error_code form.
struct Arrival {
  LocalStream stream;
  std::error_code ec;
};

inline Arrival accept(LocalListener& listener, const Wait& wait = {}) {
  Arrival arrival;
  arrival.stream = listener.accept(wait, arrival.ec);
  return arrival;
}

inline Arrival connect(const LocalAddress& address, const Wait& wait = 0s, const ConnectOptions& options = {}) {
  Arrival arrival;
  arrival.stream = LocalStream::connect(address, wait, options, arrival.ec);
  return arrival;
}

/// How a bind ended; what it bound is closed again.
inline std::error_code bind_outcome(const LocalAddress& address, const ListenOptions& options = {}) {
  std::error_code ec;
  const LocalListener listener = LocalListener::bind(address, options, ec);
  EXPECT_EQ(listener.is_open(), !ec);
  return ec;
}

/// Clients that fill a listener's backlog, so that it has no room for one more.
inline std::vector<LocalStream> fill_backlog(LocalListener& listener) {
  std::vector<LocalStream> clients;
  for (;;) {
    auto [client, ec] = connect(listener.local_address());
    if (ec) {
      EXPECT_CODE(ec, std::errc::timed_out);
      return clients;
    }
    clients.push_back(std::move(client));
  }
}

/// All that the peer writes until the end, as text.
inline std::string text_until_end(LocalStream& stream) { return text_of(read_to_end(stream)); }

inline std::string read_text(LocalStream& stream, std::size_t size) {
  Bytes bytes(size);
  bytes.resize(stream.read_exact(bytes));
  return text_of(bytes);
}

/// That these are the two ends of one connection: each reads what the other wrote.
inline void expect_connected(LocalStream& one, LocalStream& other) {
  one.write_all("ping");
  EXPECT_EQ(read_text(other, 4), "ping");
  other.write_all("pong");
  EXPECT_EQ(read_text(one, 4), "pong");
}

/// That the listener serves a new client.
inline void expect_serving(LocalListener& listener) {
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

}  // namespace localsocket::test
