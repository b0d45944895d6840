// What the pipes of this library are made of: how many instances wait, who may open them, what their handles are like.
#include <windows.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"

namespace localsocket::test {
namespace {

DWORD instances_of(const LocalListener& listener) {
  DWORD count = 0;
  EXPECT_TRUE(GetNamedPipeHandleStateW(listener.native_handle(), nullptr, &count, nullptr, nullptr, nullptr, 0));
  return count;
}

TEST(PipeInstances, AsManyAsTheBacklogWaitFromTheBeginning) {
  for (const unsigned backlog : {1U, 7U, 32U}) {
    const LocalListener listener = listening({.backlog = backlog});
    EXPECT_EQ(instances_of(listener), backlog);
  }
}

TEST(PipeInstances, AnotherWaitsBeforeAStreamIsHandedOut) {
  LocalListener listener = listening({.backlog = 2});
  std::vector<LocalStream> streams;
  for (DWORD accepted = 1; accepted <= 10; ++accepted) {
    streams.push_back(LocalStream::connect(listener.local_address(), 0s));
    streams.push_back(listener.accept());
    EXPECT_EQ(instances_of(listener), 2 + accepted);
  }
}

TEST(PipeInstances, OfAStreamThatIsClosedAreGone) {
  LocalListener listener = listening({.backlog = 3});
  for (int i = 0; i < 20; ++i) expect_serving(listener);
  EXPECT_EQ(instances_of(listener), 3U);
}

TEST(PipeHandles, AreNotInheritable) {
  LocalListener listener = listening();
  const LocalStream client = LocalStream::connect(listener.local_address());
  const LocalStream server = listener.accept();
  for (const HANDLE handle : {listener.native_handle(), client.native_handle(), server.native_handle()}) {
    DWORD flags = HANDLE_FLAG_INHERIT;
    ASSERT_TRUE(GetHandleInformation(handle, &flags));
    EXPECT_EQ(flags & HANDLE_FLAG_INHERIT, 0U);
  }
}

TEST(PipeHandles, AreOfByteTypeWithTheBufferThatWasAskedFor) {
  const struct {
    ListenOptions options;
    DWORD size;
  } cases[] = {{{}, 64 * 1024}, {{.buffer_size = 4096}, 4096}};
  for (const auto& [options, size] : cases) {
    const LocalListener listener = listening(options);
    DWORD flags = 0;
    DWORD out = 0;
    DWORD in = 0;
    ASSERT_TRUE(GetNamedPipeInfo(listener.native_handle(), &flags, &out, &in, nullptr));
    EXPECT_EQ(flags & PIPE_TYPE_MESSAGE, 0U);
    EXPECT_EQ(out, size);
    EXPECT_EQ(in, size);
  }
}

// The flags of the two calls that decide safety cannot be asked for afterwards; the trace tells them.

/// The numbers among the arguments of each call of that name while `body` ran.
template <class Body>
std::vector<std::vector<DWORD>> traced_arguments(std::string_view name, Body body) {
  std::vector<std::vector<DWORD>> calls;
  const bool traces = set_trace_hook([&](const SystemCall& call) {
    if (call.name != name) return;
    std::vector<DWORD>& arguments = calls.emplace_back();
    for (std::string rest(call.arguments);;) {
      arguments.push_back(static_cast<DWORD>(std::strtoull(rest.c_str(), nullptr, 0)));
      const auto comma = rest.find(", ");
      if (comma == std::string::npos) break;
      rest.erase(0, comma + 2);
    }
  });
  body();
  set_trace_hook({});
  EXPECT_TRUE(traces) << "the library was built with -Dtrace=false";
  return calls;
}

TEST(PipeFlags, RejectRemoteClientsAndClaimTheNameWithTheFirstInstanceAlone) {
  const auto calls = traced_arguments("CreateNamedPipeW", [] {
    LocalListener listener = listening({.backlog = 3});
    expect_serving(listener);
  });
  ASSERT_GE(calls.size(), 4U);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    ASSERT_GE(calls[i].size(), 3U);
    EXPECT_EQ((calls[i][1] & FILE_FLAG_FIRST_PIPE_INSTANCE) != 0, i == 0) << "instance " << i;
    EXPECT_NE(calls[i][1] & FILE_FLAG_OVERLAPPED, 0U);
    EXPECT_NE(calls[i][2] & PIPE_REJECT_REMOTE_CLIENTS, 0U);
    EXPECT_EQ(calls[i][2] & PIPE_NOWAIT, 0U);
  }
}

TEST(PipeFlags, LetAServerIdentifyAClientButNotImpersonateIt) {
  LocalListener listener = listening();
  const auto calls = traced_arguments("CreateFileW", [&] { LocalStream::connect(listener.local_address()); });
  ASSERT_EQ(calls.size(), 1U);
  ASSERT_GE(calls[0].size(), 6U);
  constexpr DWORD levels = SECURITY_ANONYMOUS | SECURITY_IDENTIFICATION | SECURITY_IMPERSONATION | SECURITY_DELEGATION;
  EXPECT_NE(calls[0][5] & SECURITY_SQOS_PRESENT, 0U);
  EXPECT_EQ(calls[0][5] & levels, DWORD{SECURITY_IDENTIFICATION});
}

}  // namespace
}  // namespace localsocket::test
