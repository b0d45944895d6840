#include "support/thread.hpp"

#include <windows.h>

namespace localsocket::test {

std::uint64_t current_thread_id() { return GetCurrentThreadId(); }

// Only undocumented calls would tell.
std::optional<bool> is_asleep(std::uint64_t) { return std::nullopt; }

}  // namespace localsocket::test
