// What kqueue is told and what is made of its events, by scripted ones: so any system runs it.
#include "unix/kqueue_events.hpp"

#include "support/test.hpp"

namespace localsocket::test {
namespace {

using detail::unix_backend::filters_for;
using detail::unix_backend::KqueueEvent;
using detail::unix_backend::KqueueFilter;
using detail::unix_backend::ready_of;
using Ready = WaitSet::Ready;

TEST(KqueueEvents, EachReadinessHasItsFilter) {
  const auto filters = [](Ready ready) {
    const auto [read, write] = filters_for(ready);
    return std::pair(read, write);
  };
  EXPECT_EQ(filters(Ready{}), std::pair(false, false));
  EXPECT_EQ(filters(Ready::readable), std::pair(true, false));
  EXPECT_EQ(filters(Ready::acceptable), std::pair(true, false));
  EXPECT_EQ(filters(Ready::writable), std::pair(false, true));
  EXPECT_EQ(filters(Ready::readable | Ready::writable), std::pair(true, true));
  EXPECT_EQ(filters(Ready::ended), std::pair(false, false));
}

TEST(KqueueEvents, BytesAndTheirEndAreReadable) {
  EXPECT_EQ(ready_of({KqueueFilter::read}), Ready::readable);
  EXPECT_EQ(ready_of({KqueueFilter::read, true}), Ready::readable) << "the other direction may go on";
}

TEST(KqueueEvents, APeerThatReadsNoMoreIsWritableAndGone) {
  EXPECT_EQ(ready_of({KqueueFilter::write}), Ready::writable);
  EXPECT_EQ(ready_of({KqueueFilter::write, true}), Ready::writable | Ready::ended);
}

TEST(KqueueEvents, AWakeIsNoReport) { EXPECT_EQ(ready_of({KqueueFilter::user}), Ready{}); }

}  // namespace
}  // namespace localsocket::test
