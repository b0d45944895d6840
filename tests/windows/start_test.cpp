// What a started program has of whoever started it on Windows: nothing.
#include <windows.h>

#include <string>

#include "support/failing_call.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

CHILD_PROCESS(tell_and_stay) {
  LocalStream stream = LocalStream::connect(args[0], 10s);
  stream.write_all(GetConsoleWindow() == nullptr ? "no window" : "a window");
  read_to_end(stream);
  return 0;
}

TEST(DetachedProcessOfWindows, InheritsNoHandleAndShowsNoWindow) {
  LocalListener listener = listening();
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  HANDLE ours = nullptr;
  HANDLE inherited_by_some = nullptr;
  ASSERT_TRUE(CreatePipe(&ours, &inherited_by_some, &inheritable, 0));
  const std::error_code ec = DetachedProcess{child_command_line("tell_and_stay", {listener.local_address().text()})}();
  CloseHandle(inherited_by_some);
  ASSERT_CODE(ec, success);
  LocalStream stream = listener.accept(60s);
  EXPECT_EQ(read_text(stream, 9), "no window");
  char byte = 0;
  DWORD size = 0;
  EXPECT_FALSE(ReadFile(ours, &byte, 1, &size, nullptr));
  EXPECT_EQ(GetLastError(), DWORD{ERROR_BROKEN_PIPE}) << "nobody has the other end";
  CloseHandle(ours);
  EXPECT_TRUE(stream.peer_process().is_alive());
}

// A job may forbid to leave it: the second attempt stays.
TEST(DetachedProcessOfWindows, IsTriedAgainWithinTheJob) {
  int attempts = 0;
  set_trace_hook([&](const SystemCall& call) { attempts += call.name == "CreateProcessW" ? 1 : 0; });
  {
    const FailingCall forbidden("CreateProcessW", FALSE, ERROR_ACCESS_DENIED);
    EXPECT_CODE(DetachedProcess{child_command_line("tell_and_stay")}(), std::errc::permission_denied);
  }
  set_trace_hook(nullptr);
  EXPECT_EQ(attempts, 2);
}

TEST(DetachedProcessOfWindows, WithAnArgumentThatIsNoUtf8IsInvalid) {
  EXPECT_CODE((DetachedProcess{{"program", "\xff"}}()), std::errc::invalid_argument);
}

}  // namespace
}  // namespace localsocket::test
