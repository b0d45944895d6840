// What is at a path, and whether a listener still has its own.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/differences.hpp"
#include "support/failing_call.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

class ProbeOfAPath : public PathTest {};

TEST_F(ProbeOfAPath, ThatIsAPlainFileOrADirectoryIsNobody) {
  std::ofstream(path) << "text";
  EXPECT_EQ(probe(path), Presence::nobody);
  EXPECT_EQ(probe(LocalAddress::path(directory.path())), Presence::nobody);
  EXPECT_EQ(probe(path + "/below"), Presence::nobody);
}

TEST_F(ProbeOfAPath, OfAnotherUserSaysThatThisOneMayNotLook) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  LocalListener listener = LocalListener::bind(path);
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  const auto look = [&] {
    std::ostringstream text;
    text << probe(path);
    return text.str();
  };
  EXPECT_EQ(as_user(unused_user(), look), "permission denied") << "mode 0600";
  std::filesystem::permissions(directory.path(), std::filesystem::perms::owner_all);
  EXPECT_EQ(as_user(unused_user(), look), "permission denied") << "the directory is closed";
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
}

TEST_F(ProbeOfAPath, ThatCannotBeLookedAtIsAnError) {
  LocalListener listener = LocalListener::bind(path);
  const FailingCall failing("fstatat", -1, EIO);
  EXPECT_THROWS_CODE(probe(path), std::errc::io_error);
}

TEST_F(ProbeOfAPath, ThatIsBoundAndNotYetListenedAtIsTaken) {
  const RawSocket bound = RawSocket::bound_to(path);
  EXPECT_EQ(probe(path), Presence::listening);
}

TEST_F(ProbeOfAPath, LongerThanASocketsAddressIsFoundAsWell) {
  if (!on_linux) GTEST_SKIP() << "Linux alone has a way to them";
  const std::string deep = directory / std::string(180, 'd');
  ASSERT_EQ(::mkdir(deep.c_str(), 0700), 0);
  EXPECT_EQ(probe(deep + "/s"), Presence::nobody);
  LocalListener listener = LocalListener::bind(deep + "/s");
  EXPECT_EQ(probe(deep + "/s"), Presence::listening);
  close_handle(listener.release());
  EXPECT_EQ(probe(deep + "/s"), Presence::stale);
}

TEST(ProbeOfAName, LooksInEachDirectory) {
  const TemporaryDirectory first;
  const LocalAddress name = LocalAddress::unique();
  std::optional<LocalAddress> elsewhere;
  {
    const Environment other("XDG_RUNTIME_DIR", std::nullopt);
    elsewhere = LocalAddress(name.text());
  }
  LocalListener listener = LocalListener::bind(*elsewhere);
  const Environment own("XDG_RUNTIME_DIR", first.path());
  EXPECT_EQ(probe(name.text()), Presence::listening);
}

#if defined(__linux__)

TEST(ProbeOfAnAbstractName, TellsWhetherSomebodyListensAndIsNoClient) {
  const LocalAddress address("@" + LocalAddress::unique().text());
  EXPECT_EQ(probe(address), Presence::nobody);
  LocalListener listener = LocalListener::bind(address, {.backlog = 1});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(probe(address), Presence::listening);
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
  {
    const auto clients = fill_backlog(listener);
    EXPECT_EQ(probe(address), Presence::listening) << "it is busy";
  }
  EXPECT_TRUE(listener.still_owns_address());
  listener.close();
  EXPECT_EQ(probe(address), Presence::nobody);
}

#endif

class StillOwnsAPath : public PathTest {
 protected:
  LocalListener listener = LocalListener::bind(path);
};

TEST_F(StillOwnsAPath, UntilItIsRemoved) {
  EXPECT_TRUE(listener.still_owns_address());
  ::unlink(path.c_str());
  EXPECT_FALSE(listener.still_owns_address());
}

TEST_F(StillOwnsAPath, UntilAnotherIsPutOverIt) {
  LocalListener other = LocalListener::bind(directory / "other");
  std::filesystem::rename(directory / "other", path);
  EXPECT_FALSE(listener.still_owns_address());
  other.close();
}

TEST_F(StillOwnsAPath, UntilItIsReplaced) {
  LocalListener successor = LocalListener::bind(path, {.existing = Existing::replace});
  EXPECT_FALSE(listener.still_owns_address());
  EXPECT_TRUE(successor.still_owns_address());
}

TEST_F(StillOwnsAPath, UntilItsDirectoryIsRemoved) {
  const std::string below = directory / "below";
  ASSERT_EQ(::mkdir(below.c_str(), 0700), 0);
  LocalListener inside = LocalListener::bind(below + "/s");
  EXPECT_TRUE(inside.still_owns_address());
  std::filesystem::remove_all(below);
  EXPECT_FALSE(inside.still_owns_address());
}

TEST_F(StillOwnsAPath, ByOneSystemCall) {
  std::vector<std::string> calls;
  set_trace_hook([&](const SystemCall& call) { calls.emplace_back(call.name); });
  listener.still_owns_address();
  set_trace_hook(nullptr);
  EXPECT_EQ(calls.size(), 1U);
}

TEST_F(StillOwnsAPath, WhenItWasAdopted) {
  LocalListener adopted = LocalListener::adopt(listener.release(), path);
  EXPECT_TRUE(adopted.still_owns_address());
  ::unlink(path.c_str());
  EXPECT_FALSE(adopted.still_owns_address());
  const RawSocket other = RawSocket::listening_at(path);
  EXPECT_FALSE(adopted.still_owns_address());
}

TEST_F(StillOwnsAPath, InAForkedChild) {
  EXPECT_EQ(in_fork([&] { return std::string(listener.still_owns_address() ? "yes" : "no"); }), "yes");
}

TEST_F(StillOwnsAPath, ReportsWhatItCannotFindOut) {
  const FailingCall failing("lstat", -1, EIO);
  EXPECT_THROWS_CODE(listener.still_owns_address(), std::errc::io_error);
}

}  // namespace
}  // namespace localsocket::test
