// The behaviours that any blocking stream must show: the list of Go's nettest.TestConn, over both kinds of connection.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "support/test.hpp"

namespace localsocket::test {
namespace {

class Nettest : public EachOriginTest {
 protected:
  void set_deadline(LocalStream& stream, std::optional<Clock::time_point> deadline) {
    stream.set_read_deadline(deadline);
    stream.set_write_deadline(deadline);
  }

  /// The server writes back what it reads, until the client is gone.
  auto echo() {
    return run_async([this] {
      std::array<std::byte, 1024> buffer;
      while (const auto count = read_some(server, buffer).count) write_all(server, std::span(buffer).first(count));
    });
  }

  /// A message goes to the echo and comes back.
  void expect_round_trip() {
    const Bytes message = some_bytes(512);
    Bytes answer(message.size());
    client.write_all(message);
    client.read_exact(answer);
    EXPECT_EQ(answer, message);
  }

  static constexpr auto long_ago = Clock::time_point(1s);
};

INSTANTIATE_FOR_EACH_ORIGIN(Nettest);

TEST_P(Nettest, BasicIO) {
  const Bytes sent = some_bytes(1_MiB);

  auto writing = run_async([&] {
    for (std::size_t at = 0; at < sent.size(); at += 1024) client.write_all(std::span(sent).subspan(at, 1024));
    client.close();
  });

  EXPECT_EQ(read_to_end(server), sent);
  writing.result();
}

TEST_P(Nettest, PingPong) {
  constexpr std::uint64_t rounds = 1000;
  const auto play = [](LocalStream& stream, std::uint64_t first) {
    std::array<std::byte, 8> ball;
    if (first == 1) stream.write_all(std::as_bytes(std::span(&first, 1)));
    for (std::uint64_t expected = 3 - first; expected < rounds; expected += 2) {
      stream.read_exact(ball);
      std::uint64_t number;
      std::memcpy(&number, ball.data(), sizeof number);
      if (number != expected) return number;
      ++number;
      stream.write_all(std::as_bytes(std::span(&number, 1)));
    }
    return rounds;
  };

  auto answering = run_async([&] { return play(server, 2); });

  EXPECT_EQ(play(client, 1), rounds);
  EXPECT_EQ(answering.result(), rounds);
}

// Ten threads read while the deadline moves under their feet; each call gives bytes or a time-out.
TEST_P(Nettest, RacyRead) {
  std::vector<Async<void>> readers;
  auto writing = run_async([&] {
    while (!write_all(server, some_bytes(1024)).ec) {
    }
  });

  client.set_read_deadline(Clock::now() + 1ms);
  for (int i = 0; i < 10; ++i) {
    readers.push_back(run_async([&] {
      std::array<std::byte, 1024> buffer;
      for (int j = 0; j < 10; ++j) {
        const auto [count, ec] = read_some(client, buffer);
        EXPECT_EQ(count > 0, !ec);
        if (ec) {
          EXPECT_CODE(ec, std::errc::timed_out);
          client.set_read_deadline(Clock::now() + 1ms);
        }
      }
    }));
  }
  for (auto& reader : readers) reader.result();

  client.close();
  writing.result();
}

TEST_P(Nettest, RacyWrite) {
  std::vector<Async<void>> writers;
  auto reading = run_async([&] {
    std::array<std::byte, 1024> buffer;
    while (read_some(server, buffer).count > 0) {
    }
  });

  client.set_write_deadline(Clock::now() + 1ms);
  for (int i = 0; i < 10; ++i) {
    writers.push_back(run_async([&] {
      const Bytes bytes = some_bytes(1024);
      for (int j = 0; j < 10; ++j) {
        const auto [count, ec] = write_some(client, bytes);
        EXPECT_EQ(count > 0, !ec);
        if (ec) {
          EXPECT_CODE(ec, std::errc::timed_out);
          client.set_write_deadline(Clock::now() + 1ms);
        }
      }
    }));
  }
  for (auto& writer : writers) writer.result();

  client.close();
  reading.result();
}

TEST_P(Nettest, ReadTimeout) {
  std::array<std::byte, 16> buffer;
  server.write_all("data that is there");

  client.set_read_deadline(long_ago);

  EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(write_some(client, bytes_of("writing goes on")), 15u, success);
}

TEST_P(Nettest, WriteTimeout) {
  std::array<std::byte, 18> buffer;
  server.write_all("data that is there");

  client.set_write_deadline(long_ago);

  EXPECT_OUTCOME(write_some(client, bytes_of("there is room")), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(read_some(client, buffer), 18u, success);
}

TEST_P(Nettest, PastTimeout) {
  std::array<std::byte, 16> buffer;
  auto echoing = echo();
  expect_round_trip();

  set_deadline(client, long_ago);
  EXPECT_OUTCOME(write_some(client, buffer), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(read_some(client, buffer), 0u, std::errc::timed_out);

  set_deadline(client, std::nullopt);
  expect_round_trip();
  client.close();
  echoing.result();
}

TEST_P(Nettest, PresentTimeout) {
  auto reading = run_async([&] {
    std::array<std::byte, 16> buffer;
    return read_some(client, buffer);
  });
  auto writing = run_async([&] {
    Outcome outcome;
    while (!outcome.ec) outcome = write_some(client, some_bytes(4_KiB));
    return outcome;
  });
  reading.wait_until_blocked(Moment::late);
  writing.wait_until_blocked();

  set_deadline(client, Clock::now());

  EXPECT_OUTCOME(reading.result(), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(writing.result(), 0u, std::errc::timed_out);
}

TEST_P(Nettest, FutureTimeout) {
  set_deadline(client, Clock::now() + 50ms);
  auto reading = run_async([&] {
    std::array<std::byte, 16> buffer;
    return read_some(client, buffer);
  });
  std::size_t written = 0;
  auto writing = run_async([&] {
    Outcome outcome;
    for (; !outcome.ec; written += outcome.count) outcome = write_some(client, some_bytes(4_KiB));
    return outcome;
  });

  EXPECT_OUTCOME(reading.result(), 0u, std::errc::timed_out);
  EXPECT_OUTCOME(writing.result(), 0u, std::errc::timed_out);

  Bytes left_over(written);
  server.read_exact(left_over);
  auto echoing = echo();
  set_deadline(client, std::nullopt);
  expect_round_trip();
  client.close();
  echoing.result();
}

TEST_P(Nettest, CloseTimeout) {
  set_deadline(client, Clock::now() + 1h);
  auto reading = run_async([&] {
    std::array<std::byte, 16> buffer;
    return read_some(client, buffer);
  });
  auto writing = run_async([&] {
    Outcome outcome;
    while (!outcome.ec) outcome = write_some(client, some_bytes(4_KiB));
    return outcome;
  });
  reading.wait_until_blocked(Moment::late);
  writing.wait_until_blocked();

  client.close();

  EXPECT_OUTCOME(reading.result(), 0u, Errc::closed);
  EXPECT_OUTCOME(writing.result(), 0u, Errc::closed);
}

// Whatever else it does, no combination of calls may hang, crash or invent an error.
TEST_P(Nettest, ConcurrentMethods) {
  auto echoing = echo();
  std::vector<Async<void>> threads;
  for (int i = 0; i < 40; ++i) {
    threads.push_back(run_async([&] {
      std::array<std::byte, 1024> buffer{};
      const auto read = read_some(client, buffer, 5ms);
      EXPECT_TRUE(!read.ec || read.ec == std::errc::timed_out) << read;
      const auto written = write_some(client, buffer, 5ms);
      EXPECT_TRUE(!written.ec || written.ec == std::errc::timed_out) << written;
      set_deadline(client, Clock::now() + 10ms);
      client.set_read_deadline(Clock::now() + 10ms);
      client.set_write_deadline(Clock::now() + 10ms);
      client.set_read_timeout(10ms);
      client.set_write_timeout(10ms);
      EXPECT_TRUE(client.is_open());
      EXPECT_EQ(client.local_address(), LocalAddress());
      EXPECT_EQ(client.peer_address().is_unnamed(), GetParam() == Origin::pair);
    }));
  }
  for (auto& thread : threads) thread.result();

  client.close();
  echoing.result();
}

}  // namespace
}  // namespace localsocket::test
