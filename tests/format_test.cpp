#include <localsocket/format.hpp>

#include <gtest/gtest.h>

#include <string>

#include "support/test.hpp"

namespace localsocket::test {
namespace {

TEST(Format, AnAddressIsTheTextThatWasGiven) {
  EXPECT_EQ(fmt::format("{}|{:>8}", LocalAddress("echo"), LocalAddress("echo")), "echo|    echo");
}

TEST(Format, APeerIsWhatTheStreamOperatorPrints) {
  PeerIdentity peer;
  peer.process_id = 4711;
  peer.user_id = 1000;
  EXPECT_EQ(fmt::format("{}", peer), "pid 4711, uid 1000");
}

TEST(Format, AConditionIsItsMessage) {
  EXPECT_EQ(fmt::format("{}", Errc::closed), make_error_condition(Errc::closed).message());
}

TEST(Format, AnErrorCodeTellsItsCategoryAndValue) {
  const std::error_code ec = std::make_error_code(std::errc::timed_out);
  EXPECT_EQ(fmt::format("{}", ec), fmt::format("generic:{}", ec.value()));
}

TEST(Print, WritesAllOfTheText) {
  auto [ours, theirs] = LocalStream::pair();
  print(ours, "{} of {}\n", 3, LocalAddress("echo"));
  print(std::chrono::seconds(5), ours, "{}", "done");
  ours.close();
  const Bytes all = read_to_end(theirs);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(all.data()), all.size()), "3 of echo\ndone");
}

TEST(Print, ThrowsWhenThePeerIsGone) {
  auto [ours, theirs] = LocalStream::pair();
  theirs.close();
  EXPECT_THROW(print(ours, "{}", 1), std::system_error);
}

}  // namespace
}  // namespace localsocket::test
