// What every test of the suite uses.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <localsocket/localsocket.hpp>
#include <span>
#include <string>
#include <system_error>

#include "support/data.hpp"
#include "support/thread.hpp"
#include "support/wine.hpp"

namespace localsocket::test {

using namespace std::chrono_literals;
using Clock = Wait::Clock;

/// What no call takes unless something is wrong: a promise of milliseconds must hold on a busy machine too.
inline std::chrono::milliseconds soon() { return 1s * time_factor(); }

/// How a call that moves bytes ended, in the error_code form.
struct Outcome {
  std::size_t count = 0;
  std::error_code ec;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

Outcome read_some(LocalStream& stream, std::span<std::byte> buffer, const Wait& wait = {});
Outcome write_some(LocalStream& stream, std::span<const std::byte> bytes, const Wait& wait = {});
Outcome read_exact(LocalStream& stream, std::span<std::byte> buffer, const Wait& wait = {});
Outcome write_all(LocalStream& stream, std::span<const std::byte> bytes, const Wait& wait = {});

/// The two ends of one connection.
struct Ends {
  LocalStream client;
  LocalStream server;
};

/// Over a listener with an address of its own: bind, connect, accept.
Ends connected_ends(const ListenOptions& options = {});

/// Where the ends of a test's connection come from.
enum class Origin { listener, pair };
std::ostream& operator<<(std::ostream& out, Origin origin);
Ends ends_from(Origin origin);

/// A fixture with a connection.
class ConnectedTest : public ::testing::Test {
 protected:
  Ends ends = connected_ends();
  LocalStream& client = ends.client;
  LocalStream& server = ends.server;
};

/// The same, once over a listener and once over LocalStream::pair(); for INSTANTIATE_FOR_EACH_ORIGIN.
class EachOriginTest : public ::testing::TestWithParam<Origin> {
 protected:
  Ends ends = ends_from(GetParam());
  LocalStream& client = ends.client;
  LocalStream& server = ends.server;
};

#define INSTANTIATE_FOR_EACH_ORIGIN(fixture)                                                                      \
  INSTANTIATE_TEST_SUITE_P(                                                                                       \
      Over, fixture, ::testing::Values(::localsocket::test::Origin::listener, ::localsocket::test::Origin::pair), \
      ::testing::PrintToStringParamName())

/// Everything the peer writes until it ends the stream.
Bytes read_to_end(LocalStream& stream);

/// Writes the sequence until the connection takes no more; returns how many bytes that was.
std::size_t fill(LocalStream& stream, ByteSequence& sequence);
std::size_t fill(LocalStream& stream);

/// How long `body()` took.
template <class Body>
Clock::duration time_of(Body body) {
  const auto start = Clock::now();
  body();
  return Clock::now() - start;
}

/// For EXPECT_CODE: the condition of no error.
inline const std::error_condition success;

::testing::AssertionResult code_is(const char* code_text, const char* condition_text, const std::error_code& code,
                                   const std::error_condition& condition);

/// The code that `body()` throws, or success; other exceptions pass.
template <class Body>
std::error_code thrown_code(Body body) {
  try {
    body();
    return {};
  } catch (const std::system_error& error) {
    return error.code();
  }
}

}  // namespace localsocket::test

/// That an error_code means a condition (Errc, std::errc, or `success`), with the message if not.
#define EXPECT_CODE(code, condition) EXPECT_PRED_FORMAT2(::localsocket::test::code_is, code, condition)
#define ASSERT_CODE(code, condition) ASSERT_PRED_FORMAT2(::localsocket::test::code_is, code, condition)

/// That an Outcome has this count and this condition.
#define EXPECT_OUTCOME(outcome, expected_count, condition)   \
  do {                                                       \
    const ::localsocket::test::Outcome outcome_ = (outcome); \
    EXPECT_EQ(outcome_.count, std::size_t{expected_count});  \
    EXPECT_CODE(outcome_.ec, condition);                     \
  } while (false)

/// That a statement throws std::system_error with this condition.
#define EXPECT_THROWS_CODE(statement, condition) \
  EXPECT_CODE(::localsocket::test::thrown_code([&] { statement; }), condition)
