// Asio's asynchronous calls in coroutines, on one thread.

#include "framing.hpp"
#include "measurement.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <asio.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using asio::awaitable;
using asio::use_awaitable;
using bench::expect;
using bench::Session;
using Protocol = asio::local::stream_protocol;
using Socket = Protocol::socket;

auto to_buffer(std::span<const std::byte> bytes) { return asio::const_buffer(bytes.data(), bytes.size()); }
auto to_buffer(std::span<std::byte> bytes) { return asio::mutable_buffer(bytes.data(), bytes.size()); }

awaitable<Socket> connect(const std::string& address) {
  Socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(address, use_awaitable);
  co_return socket;
}

awaitable<Protocol::acceptor> listen(const std::string& address) {
  Protocol::acceptor acceptor(co_await asio::this_coro::executor, address);
  bench::say_ready();
  co_return acceptor;
}

/// The first client alone.
awaitable<Socket> accept_one(const std::string& address) {
  auto acceptor = co_await listen(address);
  co_return co_await acceptor.async_accept(use_awaitable);
}

awaitable<void> send_all(Socket& socket, std::span<const std::byte> bytes) {
  co_await asio::async_write(socket, to_buffer(bytes), use_awaitable);
}

/// 0: the end of the stream.
awaitable<std::size_t> recv_some(Socket& socket, std::span<std::byte> buffer) {
  std::error_code ec;
  const std::size_t n = co_await socket.async_read_some(to_buffer(buffer), asio::redirect_error(use_awaitable, ec));
  if (ec && ec != asio::error::eof) throw std::system_error(ec);
  co_return n;
}

/// False: the stream ended before.
awaitable<bool> recv_exact(Socket& socket, std::span<std::byte> buffer) {
  std::error_code ec;
  co_await asio::async_read(socket, to_buffer(buffer), asio::redirect_error(use_awaitable, ec));
  if (ec && ec != asio::error::eof) throw std::system_error(ec);
  co_return !ec;
}

awaitable<void> echo(Socket socket, std::size_t size) {
  std::vector<std::byte> buffer(size);
  while (co_await recv_exact(socket, buffer)) co_await send_all(socket, buffer);
}

awaitable<void> serve_echo(Session session) { co_await echo(co_await accept_one(session.address), session.size); }

awaitable<void> drive_echo(Session session) {
  Socket socket = co_await connect(session.address);
  std::vector<std::byte> buffer(session.size);
  bench::RoundTrips trips(session.count);
  do {
    co_await send_all(socket, buffer);
    expect(co_await recv_exact(socket, buffer), "the server left");
  } while (trips.lap());
  trips.report();
}

awaitable<void> serve_stream(Session session) {
  Socket socket = co_await accept_one(session.address);
  std::vector<std::byte> buffer(session.size);
  for (std::size_t left = session.size * session.count; left > 0;) {
    const std::size_t n = co_await recv_some(socket, buffer);
    expect(n > 0, "the client left");
    left -= n;
  }
  co_await send_all(socket, std::span(buffer).first(1));
}

awaitable<void> drive_stream(Session session) {
  Socket socket = co_await connect(session.address);
  std::vector<std::byte> buffer(session.size);
  const bench::Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) co_await send_all(socket, buffer);
  expect(co_await recv_exact(socket, std::span(buffer).first(1)), "the server left");
  stopwatch.report(session.count);
}

awaitable<void> serve_connect(Session session) {
  auto acceptor = co_await listen(session.address);
  for (std::size_t i = 0; i < session.count; ++i) static_cast<void>(co_await acceptor.async_accept(use_awaitable));
}

awaitable<void> drive_connect(Session session) {
  std::array<std::byte, 1> buffer;
  const bench::Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) {
    Socket socket = co_await connect(session.address);
    expect(co_await recv_some(socket, buffer) == 0, "a byte that nobody sent");
  }
  stopwatch.report(session.count);
}

/// Without a look at where a request ends: the least that an echo needs.
awaitable<void> echo_parts(Socket socket, std::size_t size) {
  std::vector<std::byte> buffer(size);
  while (const std::size_t n = co_await recv_some(socket, buffer))
    co_await send_all(socket, std::span(buffer).first(n));
}

awaitable<void> serve_each(Session session, std::size_t clients, awaitable<void> (*serve)(Socket, std::size_t)) {
  auto acceptor = co_await listen(session.address);
  for (std::size_t i = 0; i < clients; ++i) {
    Socket socket = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), session.size), asio::detached);
  }
}

awaitable<void> serve_clients(Session session) {
  return serve_each(std::move(session), bench::concurrent_clients, echo);
}
awaitable<void> serve_many(Session session) { return serve_each(session, session.connections, echo_parts); }
awaitable<void> serve_idle(Session session) {
  return serve_each(std::move(session), static_cast<std::size_t>(-1), echo);
}

awaitable<void> serve_messages(Session session) {
  Socket socket = co_await accept_one(session.address);
  bench::Unpacker input;
  unsigned sum = 0;
  for (std::size_t left = session.count; left > 0;) {
    const std::size_t n = co_await recv_some(socket, input.room());
    expect(n > 0, "the client left");
    input.filled(n);
    for (; const auto message = input.next(); --left) sum += std::to_integer<unsigned>(message->front());
  }
  const std::array<std::byte, 2> answer{std::byte{1}, static_cast<std::byte>(sum)};
  co_await send_all(socket, answer);
}

awaitable<void> drive_messages(Session session) {
  Socket socket = co_await connect(session.address);
  const std::vector<std::byte> message(session.size, std::byte{1});
  bench::Packer output;
  const bench::Stopwatch stopwatch;
  for (std::size_t i = 0; i < session.count; ++i) {
    while (!output.add(message)) {
      co_await send_all(socket, output.pending());
      output.clear();
    }
  }
  co_await send_all(socket, output.pending());
  std::array<std::byte, 2> answer;
  expect(co_await recv_exact(socket, answer) && answer[1] == static_cast<std::byte>(session.count),
         "not every message arrived");
  stopwatch.report(session.count);
}

template <awaitable<void> (*task)(Session)>
void complete(const Session& session) {
  asio::io_context context(1);
  asio::co_spawn(context, task(session), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}

constexpr std::array workloads{
    bench::Workload{"echo", complete<serve_echo>, complete<drive_echo>},
    bench::Workload{"stream", complete<serve_stream>, complete<drive_stream>},
    bench::Workload{"connect", complete<serve_connect>, complete<drive_connect>},
    bench::Workload{"clients", complete<serve_clients>, nullptr},
    bench::Workload{"many", complete<serve_many>, nullptr},
    bench::Workload{"idle", complete<serve_idle>, nullptr},
    bench::Workload{"messages", complete<serve_messages>, complete<drive_messages>},
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
