// Who may connect, as far as it is the same everywhere.
#include <optional>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

TEST(Access, LetsThisUserInEitherWay) {
  for (const Access access : {Access::current_user, Access::current_user_any_privilege, Access::everyone}) {
    LocalListener listener = LocalListener::bind(open_address(), {.access = access});
    expect_serving(listener);
  }
}

TEST(Access, OneSourceNamesBothPlatforms) {
  // Read and write for everyone who may connect at all, in the words of either.
  LocalListener listener = LocalListener::bind(
      open_address(),
      {.access = Access::everyone, .posix = {.mode = 0600}, .windows = {.sddl = "D:P(A;;FA;;;OW)(A;;FA;;;WD)"}});
  expect_serving(listener);
}

TEST(Trust, IsAValue) {
  EXPECT_EQ(Trust(Trust::anyone), Trust::anyone);
  EXPECT_NE(Trust::account("postgres"), Trust::anyone);
  EXPECT_NE(Trust::account("postgres"), Trust::account("root"));
  EXPECT_EQ(Trust::account("postgres").account_name(), "postgres");
  EXPECT_EQ(Trust(Trust::same_user).account_name(), std::nullopt);
  EXPECT_EQ(ConnectOptions().trust, std::nullopt);
}

TEST(Trust, InAnyoneOrInThisUserMeetsAListenerOfThisUser) {
  LocalListener listener = listening();
  for (const Trust& trust : {Trust(Trust::anyone), Trust(Trust::same_user)}) {
    LocalStream client = LocalStream::connect(listener.local_address(), 1s, {.trust = trust});
    LocalStream server = listener.accept();
    expect_connected(client, server);
  }
}

TEST(Access, OfAUsersNameIsForThatUserAlone) {
  const LocalAddress address = LocalAddress::unique();
  const ListenOptions for_others[] = {
      {.access = Access::everyone}, {.group = "0"}, {.access = Access::everyone, .group = "no such group"}};
  for (const ListenOptions& options : for_others) {
    EXPECT_CODE(bind_outcome(address, options), std::errc::invalid_argument);
    EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  }
}

TEST(Access, OfAGroupThatDoesNotExistIsInvalidAndNothingIsLeft) {
  const LocalAddress address = open_address();
  EXPECT_CODE(bind_outcome(address, {.group = "no such group"}), std::errc::invalid_argument);
  EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

TEST(Trust, InAnAccountThatDoesNotExistIsInvalid) {
  LocalListener listener = listening();
  EXPECT_CODE(connect(listener.local_address(), 1s, {.trust = Trust::account("no such account")}).ec,
              std::errc::invalid_argument);
}

TEST(Trust, InThePrivilegedIsInThisUserToo) {
  LocalListener listener = LocalListener::bind(open_address());
  LocalStream client = LocalStream::connect(listener.local_address(), {.trust = Trust::privileged});
  LocalStream server = listener.accept();
  expect_connected(client, server);
}

TEST(Connect, TakesOptionsWithoutAWait) {
  LocalListener listener = listening();
  std::error_code ec;
  LocalStream client = LocalStream::connect(listener.local_address(), {.trust = Trust::same_user}, ec);
  EXPECT_CODE(ec, success);
  LocalStream server = listener.accept();
  expect_connected(client, server);
  EXPECT_FALSE(LocalStream::connect("no name!", ConnectOptions(), ec).is_open());
  EXPECT_CODE(ec, Errc::invalid_address);
}

TEST(Impersonation, OfEachLevelConnects) {
  LocalListener listener = listening();
  for (const Impersonation level : {Impersonation::identification, Impersonation::anonymous,
                                    Impersonation::impersonation, Impersonation::delegation}) {
    LocalStream client = LocalStream::connect(listener.local_address(), 1s, {.windows = {.impersonation = level}});
    LocalStream server = listener.accept();
    expect_connected(client, server);
  }
}

}  // namespace
}  // namespace localsocket::test
