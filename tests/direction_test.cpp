// Direction: which way bytes go, who is refused, and what the end that is left out says (docs/design.md, 3).
#include <ostream>
#include <string>
#include <utility>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

std::string name_of(Direction direction) {
  switch (direction) {
    case Direction::duplex:
      return "Duplex";
    case Direction::client_to_server:
      return "ClientToServer";
    case Direction::server_to_client:
      return "ServerToClient";
  }
  return "?";
}

constexpr Direction every_direction[] = {Direction::duplex, Direction::client_to_server, Direction::server_to_client};

TEST(Direction, AClientThatAsksForWhatIsOfferedIsLetIn) {
  for (const Direction offered : every_direction) {
    const LocalListener listener = listening({.direction = offered});
    for (const Direction asked : every_direction) {
      SCOPED_TRACE(name_of(asked) + " asked of " + name_of(offered));
      const bool is_offered = offered == Direction::duplex || asked == offered;
      const Arrival arrival = connect(listener.local_address(), 0s, {.direction = asked});
      EXPECT_EQ(arrival.stream.is_open(), is_offered || !platform.refuses_directions_at_connect);
      if (arrival.stream.is_open()) {
        EXPECT_CODE(arrival.ec, success);
      } else {
        EXPECT_CODE(arrival.ec, std::errc::permission_denied);
      }
    }
  }
}

TEST(Direction, AClientThatUsesWhatIsNotOfferedMeetsItsEnd) {
  if (platform.refuses_directions_at_connect) GTEST_SKIP() << "it is refused at connect";
  Bytes byte(1);
  {
    LocalListener listener = listening({.direction = Direction::client_to_server});
    LocalStream client = LocalStream::connect(listener.local_address());
    LocalStream server = listener.accept();
    EXPECT_OUTCOME(read_some(client, byte, soon()), 0, success);  // the end of the stream
    client.write_all("x");
    EXPECT_EQ(read_text(server, 1), "x");
  }
  LocalListener listener = listening({.direction = Direction::server_to_client});
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  EXPECT_OUTCOME(write_all(client, byte), 0, std::errc::broken_pipe);
  server.write_all("y");
  EXPECT_EQ(read_text(client, 1), "y");
}

TEST(Direction, AReadThatWaitsForAnAcceptThenMeetsTheEnd) {
  if (platform.refuses_directions_at_connect) GTEST_SKIP() << "it is refused at connect";
  LocalListener listener = listening({.direction = Direction::client_to_server});
  LocalStream client = LocalStream::connect(listener.local_address());
  auto reading = run_async([&] {
    Bytes byte(1);
    return read_some(client, byte);
  });
  reading.wait_until_blocked();
  const LocalStream server = listener.accept();
  EXPECT_OUTCOME(reading.result(), 0, success);
}

TEST(Direction, ARefusedClientDoesNotKeepTheNextOneOut) {
  if (!platform.refuses_directions_at_connect) GTEST_SKIP() << "nobody is refused at connect";
  LocalListener listener = listening({.direction = Direction::client_to_server});
  EXPECT_CODE(connect(listener.local_address(), 5s).ec, std::errc::permission_denied);
  LocalStream client = LocalStream::connect(listener.local_address(), 5s, {.direction = Direction::client_to_server});
  client.write_all("x");
  LocalStream server = listener.accept(soon());
  client.close();
  EXPECT_EQ(text_until_end(server), "x");
}

/// Both what the listener offers and what the client asks for, and who is left to read and to write.
struct OneWay {
  Direction offered;
  Direction asked;
};

void PrintTo(const OneWay& way, std::ostream* out) { *out << name_of(way.offered) << name_of(way.asked); }

LocalStream client_of(const LocalListener& listener, Direction asked) {
  return LocalStream::connect(listener.local_address(), 1s, {.direction = asked});
}

class OneWayTest : public ::testing::TestWithParam<OneWay> {
 protected:
  bool client_writes() const { return GetParam().asked == Direction::client_to_server; }

  LocalListener listener = listening({.direction = GetParam().offered});
  LocalStream client = client_of(listener, GetParam().asked);
  LocalStream server = listener.accept();
  LocalStream& writer = client_writes() ? client : server;
  LocalStream& reader = client_writes() ? server : client;
};

INSTANTIATE_TEST_SUITE_P(From, OneWayTest,
                         ::testing::Values(OneWay{Direction::client_to_server, Direction::client_to_server},
                                           OneWay{Direction::server_to_client, Direction::server_to_client},
                                           OneWay{Direction::duplex, Direction::client_to_server},
                                           OneWay{Direction::duplex, Direction::server_to_client}),
                         [](const auto& way) { return name_of(way.param.offered) + "By" + name_of(way.param.asked); });

TEST_P(OneWayTest, BytesGoThatWayAndThenTheEnd) {
  const Bytes sent = some_bytes(300'000);
  auto writing = run_async([&] {
    const Outcome outcome = write_all(writer, sent);
    writer.close();
    return outcome;
  });
  EXPECT_TRUE(read_to_end(reader) == sent);
  EXPECT_OUTCOME(writing.result(), sent.size(), success);
}

TEST_P(OneWayTest, TheClientsOtherDirectionIsNotSupported) {
  Bytes byte(1);
  std::error_code ec;
  if (client_writes()) {
    EXPECT_OUTCOME(read_some(client, byte), 0, std::errc::operation_not_supported);
    EXPECT_OUTCOME(read_exact(client, byte, 0s), 0, std::errc::operation_not_supported);
    client.available(ec);
    EXPECT_CODE(ec, std::errc::operation_not_supported);
  } else {
    EXPECT_OUTCOME(write_some(client, byte), 0, std::errc::operation_not_supported);
    EXPECT_OUTCOME(write_all(client, byte, 0s), 0, std::errc::operation_not_supported);
    EXPECT_FALSE(client.drain(0s, ec));
    EXPECT_CODE(ec, std::errc::operation_not_supported);
  }
  EXPECT_TRUE(client.is_open());
}

TEST_P(OneWayTest, TheServersOtherDirectionIsNotSupportedUnlessItOfferedBoth) {
  Bytes byte(1);
  const Outcome outcome = client_writes() ? write_some(server, byte) : read_some(server, byte, 0s);
  if (GetParam().offered != Direction::duplex) {
    EXPECT_OUTCOME(outcome, 0, std::errc::operation_not_supported);
  } else if (client_writes()) {
    EXPECT_OUTCOME(outcome, 1, success);  // it does not know what a client asked for
  } else {
    EXPECT_OUTCOME(outcome, 0, std::errc::timed_out);
  }
  EXPECT_TRUE(server.is_open());
}

TEST_P(OneWayTest, TheRightDirectionGoesOnAfterACallInTheWrongOne) {
  Bytes byte(1);
  client_writes() ? read_some(client, byte) : write_some(client, byte);
  writer.write_all("hello");
  EXPECT_EQ(reader.available(), 5U);
  EXPECT_EQ(read_text(reader, 5), "hello");
}

TEST_P(OneWayTest, ACopyHasTheSameDirection) {
  LocalStream copy = client.duplicate();
  Bytes byte(1);
  const Outcome outcome = client_writes() ? read_some(copy, byte) : write_some(copy, byte);
  EXPECT_OUTCOME(outcome, 0, std::errc::operation_not_supported);
}

TEST_P(OneWayTest, CloseReachesACallThatWaits) {
  auto reading = run_async([&] {
    Bytes byte(1);
    return read_some(reader, byte);
  });
  reading.wait_until_blocked();
  reader.close();
  EXPECT_OUTCOME(reading.result(), 0, Errc::closed);
  EXPECT_FALSE(reader.is_open());
  EXPECT_EQ(reader.native_handle(), invalid_handle);
}

TEST_P(OneWayTest, TheOtherEndIsKnown) { EXPECT_TRUE(client.peer().is_current_user()); }

TEST(Direction, TheAddressIsOwnedLikeAnyOther) {
  const ListenOptions one_way{.direction = Direction::client_to_server};
  LocalListener listener = listening(one_way);
  for (const Direction direction : every_direction) {
    EXPECT_CODE(bind_outcome(listener.local_address(), {.direction = direction}), std::errc::address_in_use);
  }
  const LocalAddress address = listener.local_address();
  listener.close();
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail, .direction = Direction::server_to_client}), success);
}

TEST(Direction, OfAnAbstractNameIsLikeAnyOther) {
  const std::string text = "@" + LocalAddress::unique().text();
  if (!platform.has_abstract_names) {
    EXPECT_CODE(LocalAddress(text).error(), Errc::invalid_address);
    return;
  }
  LocalListener listener = LocalListener::bind(text, {.direction = Direction::client_to_server});
  LocalStream client = LocalStream::connect(text);
  LocalStream server = listener.accept();
  Bytes byte(1);
  EXPECT_OUTCOME(write_some(server, byte), 0, std::errc::operation_not_supported);
  EXPECT_OUTCOME(read_some(client, byte, soon()), 0, success);
}

}  // namespace
}  // namespace localsocket::test
