// Who may connect, as far as it is the same everywhere.
#include <optional>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

TEST(Access, LetsThisUserInEitherWay) {
  for (const Access access : {Access::current_user, Access::current_user_any_privilege, Access::everyone}) {
    LocalListener listener = listening({.access = access});
    expect_serving(listener);
  }
}

TEST(Access, OneSourceNamesBothPlatforms) {
  // Read and write for everyone who may connect at all, in the words of either.
  LocalListener listener = listening(
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

TEST(Options, ThatNothingIsBuiltForYetAreNotSupportedAndNothingIsLeft) {
  const LocalAddress address = LocalAddress::unique();
  const ListenOptions listener_options[] = {{.group = "staff"}, {.type = Type::packets}};
  for (const ListenOptions& options : listener_options) {
    EXPECT_CODE(bind_outcome(address, options), std::errc::operation_not_supported);
    EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  }
  LocalListener listener = LocalListener::bind(address, {.existing = Existing::fail});
  const ConnectOptions client_options[] = {
      {.trust = Trust::privileged}, {.trust = Trust::account("root")}, {.type = Type::packets}};
  for (const ConnectOptions& options : client_options) {
    EXPECT_CODE(connect(address, 1s, options).ec, std::errc::operation_not_supported);
  }
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out);
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
