// What a call may leave behind.
#pragma once

#include <cstddef>
#include <ostream>

namespace localsocket::test {

struct Resources {
  std::size_t handles = 0;
  std::size_t blocks = 0;  ///< of memory, by operator new
  std::size_t files = 0;   ///< beside the sockets, where addresses are files

  bool operator==(const Resources&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Resources& resources) {
  return out << resources.handles << " handles, " << resources.blocks << " blocks, " << resources.files << " files";
}

/// In use now.
Resources resources();

/// Removes the files that are left.
void remove_files();

/// From now on the n-th `operator new` of the process throws std::bad_alloc, once; 0 for none. Returns whether the one
/// before was reached.
bool fail_allocation(std::size_t n) noexcept;

// What the platform provides (tests/fault/unix, tests/fault/windows).
std::size_t count_files();

}  // namespace localsocket::test
