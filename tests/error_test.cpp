// Errors: each row of the portable table (docs/design.md, 8), provoked by a real operation, with its native code and
// its words.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// A call that fails, in both forms; it must fail again when it is repeated.
struct Failure {
  std::function<std::error_code()> call;
  std::function<void()> throwing_call;
};

/// One row of the table.
struct Row {
  std::string name;
  std::error_condition condition;
  NativeCodes native;  ///< all 0: the platform has no code for it
  std::function<Failure()> provoke;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

/// Shares a fixture between the two forms of a failing call.
template <class Fixture, class Call, class ThrowingCall>
Failure failure(Fixture fixture, Call call, ThrowingCall throwing_call) {
  const auto shared = std::make_shared<Fixture>(std::move(fixture));
  return {[shared, call] {
            std::error_code ec;
            call(*shared, ec);
            return ec;
          },
          [shared, throwing_call] { throwing_call(*shared); }};
}

Failure reading(Ends ends, const Wait& wait) {
  return failure(
      std::move(ends),
      [wait](Ends& e, std::error_code& ec) {
        std::byte byte;
        e.client.read_some(std::span(&byte, 1), wait, ec);
      },
      [wait](Ends& e) {
        std::byte byte;
        e.client.read_some(std::span(&byte, 1), wait);
      });
}

Failure writing(Ends ends) {
  return failure(
      std::move(ends), [](Ends& e, std::error_code& ec) { e.client.write_all("text", 0s, ec); },
      [](Ends& e) { e.client.write_all("text", 0s); });
}

Failure connecting(const LocalAddress& address) {
  return failure(
      address, [](const LocalAddress& to, std::error_code& ec) { LocalStream::connect(to, 0s, ec); },
      [](const LocalAddress& to) { LocalStream::connect(to, 0s); });
}

Failure malformed_address() {
  return failure(
      std::string("no name!"), [](const std::string& text, std::error_code& ec) { LocalListener::bind(text, ec); },
      [](const std::string& text) { LocalListener::bind(text); });
}

Failure long_address() {
  return failure(
      std::string(101, 'x'), [](const std::string& text, std::error_code& ec) { LocalListener::bind(text, ec); },
      [](const std::string& text) { LocalListener::bind(text); });
}

Failure second_bind() {
  return failure(
      listening(), [](LocalListener& first, std::error_code& ec) { LocalListener::bind(first.local_address(), ec); },
      [](LocalListener& first) { LocalListener::bind(first.local_address()); });
}

Failure accept_of_nobody() {
  return failure(
      listening(), [](LocalListener& listener, std::error_code& ec) { listener.accept(0s, ec); },
      [](LocalListener& listener) { listener.accept(0s); });
}

Failure accept_at_a_closed_listener() {
  LocalListener listener = listening();
  listener.close();
  return failure(
      std::move(listener), [](LocalListener& closed, std::error_code& ec) { closed.accept(ec); },
      [](LocalListener& closed) { closed.accept(); });
}

Failure connect_to_a_full_listener() {
  struct Full {
    LocalListener listener = listening({.backlog = 1});
    std::vector<LocalStream> clients;
  } full;
  for (;;) {
    auto [client, ec] = connect(full.listener.local_address());
    if (ec) break;
    full.clients.push_back(std::move(client));
  }
  return failure(
      std::move(full), [](Full& f, std::error_code& ec) { LocalStream::connect(f.listener.local_address(), 0s, ec); },
      [](Full& f) { LocalStream::connect(f.listener.local_address(), 0s); });
}

Failure read_timed_out() { return reading(connected_ends(), 1ms); }

Failure write_timed_out() {
  Ends ends = connected_ends();
  fill(ends.client);
  return writing(std::move(ends));
}

Failure read_would_block() {
  Ends ends = connected_ends();
  ends.client.set_nonblocking(true);
  return reading(std::move(ends), {});
}

Failure read_stopped() {
  stop_source stop;
  stop.request_stop();
  return reading(connected_ends(), stop.get_token());
}

Failure read_closed() {
  Ends ends = connected_ends();
  ends.client.close();
  return reading(std::move(ends), {});
}

Failure read_default_constructed() { return reading({}, {}); }

Failure write_closed() {
  Ends ends = connected_ends();
  ends.client.close();
  return writing(std::move(ends));
}

Failure write_to_nobody() {
  Ends ends = connected_ends();
  ends.server.close();
  return writing(std::move(ends));
}

Failure read_exact_of_too_little() {
  Ends ends = connected_ends();
  ends.server.write_all("abc");
  ends.server.close();
  return failure(
      std::move(ends),
      [](Ends& e, std::error_code& ec) {
        Bytes buffer(4);
        e.client.read_exact(buffer, ec);
      },
      [](Ends& e) {
        Bytes buffer(4);
        e.client.read_exact(buffer);
      });
}

Failure adopt_of_a_wrong_handle() {
  return failure(
      handles_that_are_no_stream(),
      [](const auto& handles, std::error_code& ec) { LocalStream::adopt(handles.front().get(), ec); },
      [](const auto& handles) { LocalStream::adopt(handles.front().get()); });
}

Failure adopt_of_nothing() {
  return failure(
      0, [](int, std::error_code& ec) { LocalStream::adopt(invalid_handle, ec); },
      [](int) { LocalStream::adopt(invalid_handle); });
}

Failure bind_with_a_wrong_option() {
  return failure(
      LocalAddress::unique(),
      [](const LocalAddress& address, std::error_code& ec) { LocalListener::bind(address, {.backlog = 0}, ec); },
      [](const LocalAddress& address) { LocalListener::bind(address, {.backlog = 0}); });
}

Failure connect_to_nobody() { return connecting(LocalAddress::unique()); }
Failure connect_to_the_unnamed() { return connecting(LocalAddress()); }

// permission_denied and too_many_files_open need the platform's own means: unix/runtime_directory_test,
// unix/fault_test.
const std::vector<Row> table = {
    {"MalformedAddress", Errc::invalid_address, platform.invalid_address, &malformed_address},
    {"ConnectToTheUnnamedAddress", Errc::invalid_address, platform.invalid_address, &connect_to_the_unnamed},
    {"LongAddress", std::errc::filename_too_long, platform.filename_too_long, &long_address},
    {"SecondBind", std::errc::address_in_use, platform.address_in_use, &second_bind},
    {"ConnectToNobody", std::errc::connection_refused, platform.connection_refused, &connect_to_nobody},
    {"ConnectToAFullListener", std::errc::timed_out, platform.timed_out, &connect_to_a_full_listener},
    {"AcceptOfNobody", std::errc::timed_out, platform.timed_out, &accept_of_nobody},
    {"ReadTimedOut", std::errc::timed_out, platform.timed_out, &read_timed_out},
    {"WriteTimedOut", std::errc::timed_out, platform.timed_out, &write_timed_out},
    {"ReadWouldBlock", std::errc::operation_would_block, platform.operation_would_block, &read_would_block},
    {"ReadStopped", std::errc::operation_canceled, platform.operation_canceled, &read_stopped},
    {"ReadAfterClose", Errc::closed, platform.closed, &read_closed},
    {"ReadWithoutConnection", Errc::closed, platform.closed, &read_default_constructed},
    {"WriteAfterClose", Errc::closed, platform.closed, &write_closed},
    {"AcceptAfterClose", Errc::closed, platform.closed, &accept_at_a_closed_listener},
    {"AdoptOfNothing", Errc::closed, platform.closed, &adopt_of_nothing},
    {"WriteToNobody", std::errc::broken_pipe, platform.broken_pipe, &write_to_nobody},
    {"ReadExactOfTooLittle", Errc::end_of_stream, platform.end_of_stream, &read_exact_of_too_little},
    {"AdoptOfAWrongHandle", std::errc::operation_not_supported, platform.operation_not_supported,
     &adopt_of_a_wrong_handle},
    {"BindWithAWrongOption", std::errc::invalid_argument, platform.invalid_argument, &bind_with_a_wrong_option},
};

class ErrorTable : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Row, ErrorTable, ::testing::ValuesIn(table), [](const auto& row) { return row.param.name; });

TEST_P(ErrorTable, MeansOnePortableConditionWithTheNativeCodeInValue) {
  const Row& row = GetParam();
  const Failure failure = row.provoke();
  const std::error_code ec = failure.call();
  EXPECT_CODE(ec, row.condition);
  if (row.native != NativeCodes{}) {
    EXPECT_TRUE(is_native(ec, row.native)) << ec;
  }
  for (const Row& other : table) {
    EXPECT_EQ(ec == other.condition, row.condition == other.condition) << "it means two things";
  }
}

TEST_P(ErrorTable, ThrowsTheSameCodeThatItReturns) {
  const Failure failure = GetParam().provoke();
  const std::error_code ec = failure.call();
  const std::error_code thrown = thrown_code(failure.throwing_call);
  EXPECT_CODE(thrown, GetParam().condition);
  EXPECT_EQ(thrown, ec);
}

TEST_P(ErrorTable, SaysWhatItIs) {
  const std::error_code ec = GetParam().provoke().call();
  EXPECT_THAT(ec.message(), ::testing::Not(::testing::IsEmpty()));
  EXPECT_THAT(ec.category().name(), ::testing::StartsWith("localsocket"));
}

// The words.

/// What was thrown says.
std::string words_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ErrorWords, NameTheOperationTheAddressAndTheNativeText) {
  const LocalAddress address = LocalAddress::unique("nobody");
  std::error_code ec;
  LocalStream::connect(address, 0s, ec);
  const std::string words = words_of([&] { LocalStream::connect(address, 0s); });
  EXPECT_THAT(words, ::testing::StartsWith("connect to \"" + address.text() + "\" (" + address.native() +
                                           "): nobody is listening ("));
  EXPECT_THAT(words, ::testing::HasSubstr(", " + std::to_string(ec.value()) + ")"));
  EXPECT_THAT(words, ::testing::EndsWith(ec.message()));
}

TEST(ErrorWords, NameAPathOnce) {
  const std::string path = std::string(platform.path_prefix) + LocalAddress::unique("nobody").text();
  const std::string words = words_of([&] { LocalStream::connect(LocalAddress::path(path), 0s); });
  EXPECT_THAT(words, ::testing::StartsWith("connect to \"" + path + "\": nobody is listening ("));
}

TEST(ErrorWords, OfTheFirstHourSayWhatToDo) {
  const LocalAddress address = LocalAddress::unique("nobody");
  EXPECT_THAT(words_of([&] { LocalStream::connect(address, 0s); }), ::testing::EndsWith("; start its listener first"));
  LocalListener listener = LocalListener::bind(address);
  EXPECT_THAT(words_of([&] { LocalListener::bind(address); }), ::testing::HasSubstr("; `localsocket peer` tells who"));
  EXPECT_THAT(words_of([] { LocalStream::connect("a name", 0s); }), ::testing::HasSubstr("a name is of letters"));
  EXPECT_THAT(words_of([&] { listener.accept(0s); }), ::testing::EndsWith(")"));
}

TEST(ErrorWords, OfEachCallNameWhatItWasAndWhere) {
  LocalListener listener = listening();
  const std::string quoted = '"' + listener.local_address().text() + '"';
  const std::string native = listener.local_address().native();
  LocalStream client = LocalStream::connect(listener.local_address());
  LocalStream server = listener.accept();
  Bytes byte(1);

  const auto expect_words = [&](const char* operation, const char* meaning, const std::function<void()>& call) {
    using ::testing::AllOf;
    using ::testing::HasSubstr;
    EXPECT_THAT(words_of(call), AllOf(HasSubstr(operation), HasSubstr(quoted), HasSubstr(native), HasSubstr(meaning)));
  };
  expect_words("bind", "the address is in use", [&] { LocalListener::bind(listener.local_address()); });
  expect_words("accept", "timed out", [&] { listener.accept(0s); });
  expect_words("read", "timed out", [&] { client.read_some(byte, 0s); });
  expect_words("read", "timed out", [&] { server.read_some(byte, 0s); });
  expect_words("read", "timed out", [&] { client.read_exact(byte, 0s); });
  server.close();
  expect_words("write", "the peer is gone", [&] { client.write_some(byte); });
  expect_words("write", "the peer is gone", [&] { client.write_all(byte); });
  expect_words("read", "the stream ended", [&] { client.read_exact(byte); });
}

TEST(ErrorWords, AreOneLineWithoutALineEnd) {
  for (const Row& row : table) {
    const std::string message = row.provoke().call().message();
    EXPECT_EQ(message.find_first_of("\r\n"), std::string::npos) << message;
  }
}

// Conditions and categories.

TEST(Errc, IsAConditionOfItsOwnCategory) {
  const std::error_condition closed = Errc::closed;
  EXPECT_EQ(closed.category(), category());
  EXPECT_STREQ(category().name(), "localsocket");
  EXPECT_NE(closed, Errc::end_of_stream);
  EXPECT_NE(std::error_code(), closed);
  EXPECT_NE(closed, std::errc::bad_file_descriptor);
}

TEST(Errc, IsAssignedToACodeAndComparesAsACondition) {
  std::error_code ec = Errc::closed;
  EXPECT_CODE(ec, Errc::closed);
  EXPECT_EQ(ec.category(), category());
  EXPECT_TRUE(ec == Errc::closed);
  EXPECT_TRUE(Errc::closed == ec);
  EXPECT_TRUE(ec != Errc::end_of_stream);
  EXPECT_EQ(ec.message(), std::error_condition(Errc::closed).message());
  // A native code that means the same is equal to the condition, not to the code.
  Bytes byte(1);
  const std::error_code native = read_some(*std::make_unique<LocalStream>(), byte).ec;
  EXPECT_TRUE(native == Errc::closed);
  ec = Errc::message_too_large;
  EXPECT_TRUE(ec.default_error_condition() == Errc::message_too_large);
  EXPECT_FALSE(native == ec);
}

TEST(Errors, OfOneConditionAreEqualWhicheverCallTheyComeFrom) {
  const auto code_of = [](Failure (*provoke)()) { return provoke().call(); };
  EXPECT_EQ(code_of(&read_timed_out), code_of(&write_timed_out));
  EXPECT_EQ(code_of(&read_timed_out), code_of(&accept_of_nobody));
  EXPECT_EQ(code_of(&read_closed), code_of(&write_closed));
  EXPECT_EQ(code_of(&read_closed), code_of(&accept_at_a_closed_listener));
}

TEST(Errors, ThatMayNotComeAgainAreTemporary) {
  for (const Row& row : table) {
    const bool expected = row.condition == std::errc::timed_out || row.condition == std::errc::operation_would_block;
    EXPECT_EQ(is_temporary(row.provoke().call()), expected) << row.name;
  }
  EXPECT_TRUE(is_temporary(std::make_error_code(std::errc::too_many_files_open)));
  EXPECT_FALSE(is_temporary({}));
}

TEST(Errc, EachSaysSomethingElse) {
  std::vector<std::string> messages;
  for (Errc condition :
       {Errc::invalid_address, Errc::closed, Errc::end_of_stream, Errc::message_too_large, Errc::malformed_message}) {
    messages.push_back(std::error_condition(condition).message());
  }
  EXPECT_THAT(messages, ::testing::Each(::testing::Not(::testing::IsEmpty())));
  std::sort(messages.begin(), messages.end());
  EXPECT_EQ(std::adjacent_find(messages.begin(), messages.end()), messages.end());
}

TEST(ErrorCode, IsClearedByACallThatSucceeds) {
  Ends ends = connected_ends();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  ends.client.write_all("x", ec);
  EXPECT_CODE(ec, success);
  ec = std::make_error_code(std::errc::io_error);
  Bytes byte(1);
  ends.server.read_some(byte, ec);
  EXPECT_CODE(ec, success);
  ec = std::make_error_code(std::errc::io_error);
  const LocalListener listener = LocalListener::bind(LocalAddress::unique(), ec);
  EXPECT_CODE(ec, success);
  ec = std::make_error_code(std::errc::io_error);
  LocalStream::connect(listener.local_address(), ec);
  EXPECT_CODE(ec, success);
  ec = std::make_error_code(std::errc::io_error);
  LocalStream::pair(ec);
  EXPECT_CODE(ec, success);
}

}  // namespace
}  // namespace localsocket::test
