#include "support/thread.hpp"

#include <windows.h>

namespace localsocket::test {

std::uint64_t current_thread_id() { return GetCurrentThreadId(); }

// Only undocumented calls would tell.
bool can_see_blocked_threads() { return false; }

bool thread_is_blocked(std::uint64_t) { return false; }

}  // namespace localsocket::test
