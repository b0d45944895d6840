// Memory that runs out, at each place where a call asks for some: the call throws std::bad_alloc or does without, and
// all is as before, or closed as the documentation says.
#include <new>

#include "fault/calls.hpp"
#include "fault/resources.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"
#include "support/watchdog.hpp"

namespace localsocket::test {
namespace {

/// Makes the call with the n-th allocation failing; whether there were as many.
bool fails_at(const CallRow& row, std::size_t n) {
  const Prepared prepared = row.prepare();
  std::error_code ec;
  bool is_thrown = false;
  fail_allocation(n);
  try {
    ec = prepared.call();
  } catch (const std::bad_alloc&) {
    is_thrown = true;
  } catch (const std::system_error& error) {
    ec = error.code();
  }
  const bool is_reached = fail_allocation(0);
  EXPECT_TRUE(is_reached || !is_thrown);
  EXPECT_NO_THROW(prepared.check(is_thrown ? std::make_error_code(std::errc::not_enough_memory) : ec));
  return is_reached;
}

class Allocation : public ::testing::TestWithParam<CallRow> {};

INSTANTIATE_TEST_SUITE_P(Fails, Allocation, ::testing::ValuesIn(call_rows()),
                         [](const auto& info) { return test_name(info.param); });

TEST_P(Allocation, InACall) {
  constexpr std::size_t none = 1'000'000;
  fails_at(GetParam(), none);  // makes what is made once
  fails_at(GetParam(), none);
  for (std::size_t n = 1, reached = true; reached; ++n) {
    restart_watchdog();
    SCOPED_TRACE("allocation " + std::to_string(n));
    const auto [before, after] = counted_around(resources, [&] { reached = fails_at(GetParam(), n); });
    EXPECT_EQ(after, before);
    if (HasFatalFailure() || n > 1000) return;
  }
}

}  // namespace
}  // namespace localsocket::test
