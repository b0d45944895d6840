// Where a name is looked for, by whom, and who is met there.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"
#include "unix/fork.hpp"
#include "unix/raw_socket.hpp"

namespace localsocket::test {
namespace {

constexpr const char* xdg_runtime_dir = "XDG_RUNTIME_DIR";

/// A user with a directory as a login gives it, who runs a test's body in a process of its own.
class Login : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!on_linux || ::getuid() != 0) GTEST_SKIP() << "needs Linux, and root to be another user";
    std::filesystem::create_directories("/run/user");
    make_directory(login(), user());
    make_directory(custom(), user());
  }
  void TearDown() override {
    for (const std::string& directory : {login(), custom(), fallback()}) std::filesystem::remove_all(directory);
  }

  static void make_directory(const std::string& path, uid_t owner) {
    std::filesystem::remove_all(path);
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0) << path;
    ASSERT_EQ(::chown(path.c_str(), owner, owner), 0);
  }

  static uid_t user() { return unused_user(); }
  static std::string login() { return "/run/user/" + std::to_string(user()); }
  static std::string fallback() { return "/tmp/localsocket-" + std::to_string(user()); }
  static std::string custom() { return "/tmp/lstest-xdg-" + std::to_string(user()); }

  static void set_variable(const std::optional<std::string>& value) {
    value ? ::setenv(xdg_runtime_dir, value->c_str(), 1) : ::unsetenv(xdg_runtime_dir);
  }
  static LocalAddress address_with(const std::optional<std::string>& value) {
    set_variable(value);
    return "echo";
  }
};

TEST_F(Login, HasItsDirectoryUsedWhetherTheEnvironmentNamesItOrNot) {
  EXPECT_EQ(as_user(user(), [] { return address_with(std::nullopt).native(); }), login() + "/echo.sock");
  EXPECT_EQ(as_user(user(), [] { return address_with(login()).native(); }), login() + "/echo.sock");
  EXPECT_EQ(as_user(user(), [] { return address_with(custom()).native(); }), custom() + "/echo.sock");
  ASSERT_EQ(::chmod(login().c_str(), 0777), 0);
  EXPECT_EQ(as_user(user(), [] { return address_with(std::nullopt).native(); }), fallback() + "/echo.sock");
  EXPECT_EQ(as_user(user(), [] { return address_with(login()).native(); }), fallback() + "/echo.sock");
  make_directory(login(), user() + 1);
  EXPECT_EQ(as_user(user(), [] { return address_with(std::nullopt).native(); }), fallback() + "/echo.sock");
}

TEST_F(Login, AServerMeetsAClientOfTheOtherEnvironment) {
  const auto meet = [](const std::optional<std::string>& servers, const std::optional<std::string>& clients) {
    return as_user(user(), [&]() -> std::string {
      for (int round = 0; round < 100; ++round) {
        const LocalListener listener = LocalListener::bind(address_with(servers));
        const LocalAddress address = address_with(clients);
        const LocalStream client = LocalStream::connect(address, 0s);
        if (client.peer_address() != listener.local_address()) return "another one";
        if (client.peer_address().text() != "echo") return client.peer_address().text();
        const std::string second = outcome(bind_outcome(address));
        if (second != "address in use") return "second bind: " + second;
      }
      return "met";
    });
  };
  EXPECT_EQ(meet(std::nullopt, login()), "met");
  EXPECT_EQ(meet(login(), std::nullopt), "met");
  EXPECT_EQ(meet(std::nullopt, custom()), "met") << "which looks in the login's directory as well";
  std::filesystem::remove_all(login());
  EXPECT_EQ(meet(std::nullopt, custom()), "met") << "which looks in /tmp as well";
}

TEST_F(Login, ThatComesLaterIsSeenByAnAddressThatWasMadeBefore) {
  std::filesystem::remove_all(login());
  EXPECT_EQ(in_fork([]() -> std::string {
              if (::setegid(user()) != 0 || ::seteuid(user()) != 0) return "cannot be another user";
              const LocalAddress address = address_with(std::nullopt);
              if (connect(address).ec != std::errc::connection_refused) return "met somebody";
              if (::seteuid(0) != 0) return "cannot be root again";
              make_directory(login(), user());
              if (::seteuid(user()) != 0) return "cannot be the user again";
              const LocalListener listener = LocalListener::bind("echo");
              if (listener.local_address().native() != login() + "/echo.sock") return listener.local_address().native();
              return outcome(connect(address).ec);
            }),
            "success");
}

TEST_F(Login, OfManyThatBindAtOnceInTwoEnvironmentsOneWins) {
  constexpr int racers = 50;
  EXPECT_EQ(as_user(user(),
                    []() -> std::string {
                      int start[2];
                      int end[2];
                      int results[2];
                      if (::pipe(start) != 0 || ::pipe(end) != 0 || ::pipe(results) != 0) return "no pipe";
                      for (int i = 0; i < racers; ++i) {
                        if (::fork() != 0) continue;
                        ::close(start[1]);
                        ::close(end[1]);
                        char nothing;
                        static_cast<void>(::read(start[0], &nothing, 1));
                        std::error_code ec;
                        const LocalListener listener =
                            LocalListener::bind(address_with(i % 2 == 0 ? std::nullopt : std::optional(login())), ec);
                        const char result = !ec ? 'w' : ec == std::errc::address_in_use ? 'u' : '?';
                        static_cast<void>(::write(results[1], &result, 1));
                        static_cast<void>(::read(end[0], &nothing, 1));
                        ::_exit(0);
                      }
                      ::close(start[1]);
                      std::string text;
                      for (char result; text.size() < racers && ::read(results[0], &result, 1) == 1;) text += result;
                      ::close(end[1]);
                      while (::wait(nullptr) > 0) {
                      }
                      return std::to_string(std::count(text.begin(), text.end(), 'w')) + " won, " +
                             std::to_string(std::count(text.begin(), text.end(), 'u')) + " in use";
                    }),
            "1 won, 49 in use");
}

TEST_F(Login, IsNotHeldUpByWhatSomebodyHasPutIntoTmp) {
  make_directory(fallback(), user() + 1);
  ASSERT_EQ(::chmod(fallback().c_str(), 0777), 0);
  EXPECT_EQ(as_user(user(),
                    [] {
                      set_variable(login());
                      if (connect("echo").ec != std::errc::connection_refused) return outcome(connect("echo").ec);
                      const LocalListener listener = LocalListener::bind("echo");
                      return outcome(connect("echo").ec);
                    }),
            "success");
  EXPECT_TRUE(std::filesystem::is_empty(fallback()));
}

TEST_F(Login, OfEachUserHasNamesOfItsOwn) {
  const LocalListener roots = LocalListener::bind("echo");
  EXPECT_EQ(as_user(user(),
                    [] {
                      set_variable(std::nullopt);
                      const std::string before = outcome(connect("echo").ec);
                      const LocalListener own = LocalListener::bind("echo");
                      return before + ", " + outcome(connect("echo").ec);
                    }),
            "nobody, success");
  EXPECT_CODE(accept(const_cast<LocalListener&>(roots), 0s).ec, std::errc::timed_out);
}

TEST_F(Login, AReplacementGoesWhereTheListenerIs) {
  EXPECT_EQ(as_user(user(),
                    []() -> std::string {
                      LocalListener old = LocalListener::bind(address_with(std::nullopt));
                      LocalListener successor =
                          LocalListener::bind(address_with(custom()), {.existing = Existing::replace});
                      if (successor.local_address() != old.local_address()) return successor.local_address().native();
                      const LocalStream client = LocalStream::connect(address_with(custom()));
                      return outcome(accept(successor, 1s).ec);
                    }),
            "success");
}

// Names of the machine.

class MachineName : public Login {
 protected:
  const LocalAddress address = LocalAddress::named(LocalAddress::unique().text(), Scope::machine);
};

TEST_F(MachineName, IsNotForAnyUserToBind) {
  EXPECT_EQ(as_user(user(), [&] { return outcome(bind_outcome(address)); }), "permission denied");
  EXPECT_FALSE(exists(address.native()));
  EXPECT_FALSE(exists(fallback()));
}

TEST_F(MachineName, OfRootIsMetByEveryoneAndProvedByItsDirectoryAlone) {
  LocalListener listener = LocalListener::bind(address, {.access = Access::everyone});
  EXPECT_EQ(as_user(user(),
                    [&]() -> std::string {
                      std::string calls;
                      LocalStream::connect(address);  // what is looked at once for all
                      set_trace_hook([&](const SystemCall& call) { calls.append(call.name).append(" "); });
                      const LocalStream client = LocalStream::connect(address);
                      set_trace_hook({});
                      return calls;
                    }),
            "socket connect ");
}

TEST_F(MachineName, OfAServiceThatRootHasHandedTheSocketToIsTrusted) {
  const RawSocket socket = RawSocket::bound_to(address.native());
  ASSERT_EQ(::chmod(address.native().c_str(), 0666), 0);
  ASSERT_EQ(as_user(user() + 1, [&] { return ::listen(socket.fd(), 8) == 0 ? "listens" : "fails"; }), "listens");
  EXPECT_EQ(
      as_user(user(),
              [&] {
                return outcome(connect(address).ec) + ", " +
                       outcome(connect(address, 0s, {.trust = Trust::same_user}).ec) + ", " +
                       outcome(connect(LocalAddress::path(address.native()), 0s, {.trust = Trust::privileged}).ec);
              }),
      "success, permission denied, success");
  ::unlink(address.native().c_str());
}

// Whom a client trusts at a path where anybody may listen.

TEST_F(Login, TrustInAnAccountIsInThatOneAlone) {
  const std::string path = "/tmp/lstest-trust-" + std::to_string(user());
  LocalListener listener = LocalListener::bind(path, {.access = Access::everyone});
  const auto outcomes = [&] {
    return outcome(connect(path, 0s, {.trust = Trust::account("root")}).ec) + ", " +
           outcome(connect(path, 0s, {.trust = Trust::account("0")}).ec) + ", " +
           outcome(connect(path, 0s, {.trust = Trust::privileged}).ec) + ", " +
           outcome(connect(path, 0s, {.trust = Trust::account(std::to_string(user()))}).ec);
  };
  EXPECT_EQ(as_user(user(), outcomes), "success, success, success, permission denied");
}

}  // namespace
}  // namespace localsocket::test
