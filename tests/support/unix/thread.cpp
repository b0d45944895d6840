#include "support/thread.hpp"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>
#else
#include <pthread.h>
#endif

namespace localsocket::test {

#if defined(__linux__)

std::uint64_t current_thread_id() { return static_cast<std::uint64_t>(::syscall(SYS_gettid)); }

// proc(5): the third field of stat is the state, S for sleeping; the second is the name in parentheses.
std::optional<bool> is_asleep(std::uint64_t id) {
  std::ifstream file("/proc/self/task/" + std::to_string(id) + "/stat");
  std::string stat;
  std::getline(file, stat);  // an error if the thread ends now: nothing is read then
  const auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.compare(name_end, 3, ") S") == 0;
}

#else

std::uint64_t current_thread_id() { return reinterpret_cast<std::uintptr_t>(::pthread_self()); }

std::optional<bool> is_asleep(std::uint64_t) { return std::nullopt; }

#endif

}  // namespace localsocket::test
