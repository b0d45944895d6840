// When the system has nothing left, or says what it hardly ever says.
#include <windows.h>

#include <localsocket/error.hpp>
#include <string>
#include <utility>

#include "support/failing_call.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// Processor time of the calling thread.
std::chrono::nanoseconds processor_time() {
  FILETIME created;
  FILETIME ended;
  FILETIME kernel;
  FILETIME user;
  EXPECT_TRUE(GetThreadTimes(GetCurrentThread(), &created, &ended, &kernel, &user));
  const auto in_100ns = [](const FILETIME& time) {
    return (std::uint64_t{time.dwHighDateTime} << 32) + time.dwLowDateTime;
  };
  return std::chrono::nanoseconds(100 * (in_100ns(kernel) + in_100ns(user)));
}

/// A thread that begins to wait when the system has no event to wake it by.
template <class Call>
void expect_no_spin(Call call, std::errc ends_with = std::errc::timed_out) {
  constexpr auto time = 300ms;
  const FailingCall failing("CreateEventW", 0, ERROR_NO_SYSTEM_RESOURCES);
  auto waiting = run_async([&] {
    const auto before = processor_time();
    EXPECT_CODE(call(time), make_error_condition(ends_with));
    return processor_time() - before;
  });
  EXPECT_LT(waiting.result(), time / 3) << "it does not wait, but looks all the time";
}

TEST(WithoutAnEvent, AnAcceptWaits) {
  LocalListener listener = listening();
  expect_no_spin([&](const Wait& wait) { return accept(listener, wait).ec; });
}

TEST(WithoutAnEvent, AConnectPauses) {
  const LocalAddress nobody = LocalAddress::unique();
  expect_no_spin([&](const Wait& wait) { return connect(nobody, wait, {.poll_interval = 1h}).ec; },
                 std::errc::connection_refused);
}

TEST(WithoutAnEvent, AnAcceptAtTheLimitWaits) {
  LocalListener listener = listening({.max_connections = 1});
  LocalStream client = LocalStream::connect(listener.local_address());
  const LocalStream server = listener.accept();
  expect_no_spin([&](const Wait& wait) { return accept(listener, wait).ec; });
}

TEST(WithoutAnEvent, AThreadIsWokenAllTheSameAndHasOneLater) {
  LocalListener listener = listening();
  Ends ends = connected_ends();
  auto accepting = run_async([&] {
    const std::error_code ec = accept(listener).ec;
    Bytes byte(1);
    return std::pair(ec, read_some(ends.server, byte, 30ms).ec);
  });
  {
    const FailingCall failing("CreateEventW", 0, ERROR_NO_SYSTEM_RESOURCES);
    accepting.wait_until_blocked();
    const LocalStream client = LocalStream::connect(listener.local_address());
    accepting.finished_within(long_wait);
  }
  EXPECT_CODE(accepting.result().first, success);
}

TEST(WithoutAnEvent, AReadIsRefusedAndABindToo) {
  Ends ends = connected_ends();
  const FailingCall failing("CreateEventW", 0, ERROR_NO_SYSTEM_RESOURCES);
  auto reading = run_async([&] {
    Bytes byte(1);
    return read_some(ends.server, byte).ec;
  });
  EXPECT_CODE(reading.result(), std::errc::too_many_files_open);
  EXPECT_CODE(bind_outcome(LocalAddress::unique()), std::errc::too_many_files_open);
}

TEST(WithoutAnEvent, AListenerIsNotAdoptedAndTheHandleStays) {
  LocalListener listener = listening();
  const LocalAddress address = listener.local_address();
  const NativeHandle handle = listener.release();
  {
    const FailingCall failing("CreateEventW", 0, ERROR_NO_SYSTEM_RESOURCES);
    EXPECT_THROWS_CODE(LocalListener::adopt(handle, address), std::errc::too_many_files_open);
  }
  listener = LocalListener::adopt(handle, address);
  expect_serving(listener);
}

TEST(WithoutAWait, NothingSpins) {
  LocalListener listener = listening();
  const FailingCall failing("WaitForMultipleObjects", WAIT_FAILED, ERROR_INVALID_HANDLE);
  const auto before = processor_time();
  EXPECT_CODE(accept(listener, 300ms).ec, std::errc::timed_out);
  EXPECT_LT(processor_time() - before, 100ms);
}

// What the last instance of a name was: without another one its client is not taken, and waits on.

TEST(WithoutAnotherInstance, AClientWaitsOnUntilThereIsOne) {
  LocalListener listener = listening({.backlog = 1});
  LocalStream client = LocalStream::connect(listener.local_address());
  {
    const FailingCall failing("CreateNamedPipeW", -1, ERROR_NO_SYSTEM_RESOURCES);
    EXPECT_CODE(accept(listener, 30ms).ec, std::errc::too_many_files_open);
  }
  LocalStream server = listener.accept(soon());
  expect_connected(client, server);
  expect_serving(listener);
}

// Each code of the system means something in the documented list.

struct Code {
  int code;
  std::error_condition condition;
};

TEST(SystemErrors, OfABindAreOfTheDocumentedList) {
  for (const auto& [code, condition] : {Code{ERROR_INVALID_OWNER, std::errc::invalid_argument},
                                        Code{ERROR_PRIVILEGE_NOT_HELD, std::errc::permission_denied},
                                        Code{ERROR_NOT_ENOUGH_MEMORY, std::errc::not_enough_memory},
                                        Code{ERROR_NOT_ENOUGH_QUOTA, std::errc::not_enough_memory},
                                        Code{ERROR_NO_SYSTEM_RESOURCES, std::errc::too_many_files_open},
                                        Code{ERROR_GEN_FAILURE, std::errc::io_error}}) {
    const FailingCall failing("CreateNamedPipeW", -1, code);
    const std::error_code ec = bind_outcome(LocalAddress::unique());
    EXPECT_CODE(ec, condition);
    EXPECT_EQ(ec.value(), code);
  }
}

TEST(SystemErrors, OfAConnectAreOfTheDocumentedList) {
  for (const auto& [code, condition] :
       {Code{ERROR_PATH_NOT_FOUND, std::errc::connection_refused},
        Code{ERROR_BAD_NETPATH, std::errc::connection_refused}, Code{ERROR_BAD_PIPE, std::errc::connection_refused},
        Code{ERROR_LOGON_FAILURE, std::errc::permission_denied},
        Code{ERROR_COMMITMENT_LIMIT, std::errc::not_enough_memory}, Code{ERROR_GEN_FAILURE, std::errc::io_error}}) {
    const FailingCall failing("CreateFileW", -1, code);
    const std::error_code ec = connect(LocalAddress::unique()).ec;
    EXPECT_CODE(ec, condition);
    EXPECT_EQ(ec.value(), code);
  }
}

TEST(SystemErrors, OfAClientThatIsNotSetRightCloseIt) {
  const LocalListener listener = listening();
  const FailingCall failing("GetNamedPipeInfo", FALSE, ERROR_PIPE_NOT_CONNECTED);
  const auto [before, after] = counted_around(
      open_handles, [&] { EXPECT_CODE(connect(listener.local_address()).ec, std::errc::connection_refused); });
  EXPECT_LE(after, before);
}

}  // namespace
}  // namespace localsocket::test
