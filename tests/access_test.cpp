// Who may connect, as far as it is the same everywhere.
#include <any>
#include <string>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

TEST(Access, LetsThisUserInEitherWay) {
  for (const Access access : {Access::current_user, Access::everyone}) {
    LocalListener listener = listening({.access = access});
    expect_serving(listener);
  }
}

TEST(Extras, OfNoKnownKindAreNotSupportedAndNothingIsLeft) {
  const LocalAddress address = LocalAddress::unique();
  for (const std::any& extras : {std::any(42), std::any(std::string("D:P(A;;FA;;;SY)"))}) {
    ListenOptions options;
    options.extras = extras;
    EXPECT_CODE(bind_outcome(address, options), std::errc::operation_not_supported);
    EXPECT_CODE(connect(address).ec, std::errc::connection_refused);
  }
  EXPECT_CODE(bind_outcome(address, {.existing = Existing::fail}), success);
}

}  // namespace
}  // namespace localsocket::test
