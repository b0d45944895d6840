// docs/design.md, section 16, on pipes: message-type pipes, whose end mark a wait must not take away, and many members.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "support/wait_sets.hpp"

namespace localsocket::test {
namespace {

using Report = WaitSet::Report;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WaitSet::Key key = 7;

/// A set that watches one end of a message-type pipe, which is read message by message.
class WaitSetOnMessagePipe : public ::testing::Test {
 protected:
  WaitSetOnMessagePipe() { set.add(key, watched); }

  /// That what the other end does is reported once the set waits for it.
  template <class Action>
  void expect_reported(Action action) {
    EXPECT_THAT(keys_of(set), IsEmpty());
    auto waiting = run_async([&] { return keys_of(set, 1h); });
    waiting.wait_until_blocked();
    action();
    EXPECT_THAT(waiting.result(), ElementsAre(key));
    EXPECT_THAT(keys_of(set), ElementsAre(key)) << "it is still there";
  }

  Ends ends = connected_ends({.windows = {.half_close = true}});
  LocalStream& watched = ends.server;
  LocalStream& other = ends.client;
  WaitSet set;
};

TEST_F(WaitSetOnMessagePipe, AMessageOfOneByteIsReadOnce) {
  for (int i = 0; i < 3; ++i) {
    expect_reported([&] { other.write_all("x"); });
    EXPECT_EQ(watched.available(), 1U);
    Bytes buffer(8);
    EXPECT_OUTCOME(read_some(watched, buffer, 0s), 1, success);
    EXPECT_EQ(text_of(std::span(buffer).first(1)), "x");
    EXPECT_OUTCOME(read_some(watched, buffer, 0s), 0, std::errc::timed_out);
  }
}

TEST_F(WaitSetOnMessagePipe, AMessageIsReadWhole) {
  expect_reported([&] { other.write_all("text"); });
  EXPECT_EQ(watched.available(), 4U);
  Bytes buffer(8);
  EXPECT_OUTCOME(read_some(watched, buffer, 0s), 4, success);
  EXPECT_EQ(text_of(std::span(buffer).first(4)), "text");
  EXPECT_THAT(keys_of(set), IsEmpty());
}

TEST_F(WaitSetOnMessagePipe, AMessageIsReadInParts) {
  expect_reported([&] { other.write_all("text"); });
  for (const std::string_view letter : {"t", "e", "x", "t"}) {
    EXPECT_THAT(keys_of(set), ElementsAre(key));
    EXPECT_EQ(read_text(watched, 1), letter);
  }
  EXPECT_THAT(keys_of(set), IsEmpty());
}

TEST_F(WaitSetOnMessagePipe, TheEndMarkIsReadAgainAndAgain) {
  expect_reported([&] { other.shutdown(Shutdown::write); });
  Bytes buffer(8);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(keys_of(set), ElementsAre(key));
    EXPECT_OUTCOME(read_some(watched, buffer, 0s), 0, success);
  }
  watched.write_all("answer");
  EXPECT_EQ(read_text(other, 6), "answer");
}

TEST_F(WaitSetOnMessagePipe, TheEndMarkBehindAByteIsNotLost) {
  expect_reported([&] {
    other.write_all("x");
    other.shutdown(Shutdown::write);
  });
  Bytes buffer(8);
  EXPECT_OUTCOME(read_some(watched, buffer, 0s), 1, success);
  EXPECT_THAT(keys_of(set), ElementsAre(key));
  EXPECT_OUTCOME(read_some(watched, buffer, 0s), 0, success);
}

TEST_F(WaitSetOnMessagePipe, WhatTheSetHasReadIsReadAfterItWasRemoved) {
  expect_reported([&] { other.write_all("text"); });
  set.remove(key);
  EXPECT_EQ(read_text(watched, 4), "text");
}

TEST_F(WaitSetOnMessagePipe, AReadThatWaitsBesideTheSetGetsAllInOrder) {
  EXPECT_THAT(keys_of(set), IsEmpty());
  auto reading = run_async([&] { return read_text(watched, 8); });
  reading.wait_until_blocked();
  for (const std::string_view part : {"one", "two", "22"}) {
    keys_of(set);
    other.write_all(part);
  }
  EXPECT_EQ(reading.result(), "onetwo22");
}

TEST(WaitSetOnPipes, FiveHundredEchoOnOneThread) {
  constexpr std::size_t connections = 500;
  WaitSet set;
  std::vector<Ends> all(connections);
  for (std::size_t i = 0; i < connections; ++i) {
    auto [client, server] = LocalStream::pair();
    all[i] = {std::move(client), std::move(server)};
    set.add(i, all[i].server);
  }
  EXPECT_THAT(keys_of(set), IsEmpty());
  for (Ends& ends : all) ends.client.write_all("ping");
  std::size_t echoed = 0;
  while (echoed < connections) {
    const auto keys = keys_of(set, 10s);
    ASSERT_FALSE(keys.empty());
    for (const WaitSet::Key each : keys) {
      std::array<std::byte, 64> buffer;
      const std::size_t size = all[each].server.read_some(buffer, 0s);
      all[each].server.write_all(std::span(buffer).first(size));
      ++echoed;
    }
  }
  for (Ends& ends : all) ASSERT_EQ(read_text(ends.client, 4), "ping");
}

TEST(WaitSetOnPipes, AStreamThatWasInASetCanBeReleased) {
  auto [one, other] = LocalStream::pair();
  WaitSet set;
  set.add(key, one);
  EXPECT_THAT(keys_of(set), IsEmpty());
  LocalStream same = LocalStream::adopt(one.release());
  EXPECT_THAT(keys_of(set), ElementsAre(key)) << "its end";
  expect_connected(same, other);
}

TEST(WaitSetOnPipes, AMemberGivesBackAllItsHandles) {
  auto [one, other] = LocalStream::pair();
  const auto wait_with_members = [&] {
    for (int round = 0; round < 10; ++round) {
      WaitSet set;
      auto [a, b] = LocalStream::pair();
      set.add(1, a);
      set.add(2, one);
      keys_of(set);
    }
  };
  wait_with_members();
  const auto [before, after] = counted_around(open_handles, wait_with_members);
  EXPECT_LE(after, before);
}

}  // namespace
}  // namespace localsocket::test
