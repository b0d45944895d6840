// Shared memory by memfd and its seals (memfd_create(2), fcntl(2) "File Sealing"). Only Linux has a seal by which the
// maker goes on writing and nobody else does: FreeBSD has F_SEAL_WRITE, which excludes the maker, and macOS none.
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <limits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace unix_backend {
namespace {

#if defined(__linux__)

// <fcntl.h> may be older than the kernel (Linux 5.1).
#if defined(F_SEAL_FUTURE_WRITE)
constexpr int seal_future_write = F_SEAL_FUTURE_WRITE;
#else
constexpr int seal_future_write = 0x0010;
#endif

/// By each step pages are made; a signal undoes its step alone.
constexpr std::size_t step = std::size_t{1} << 20;

/// Makes the file that large, with all its pages. Where there are none left when a page is first used it is a SIGBUS
/// (with vm.overcommit_memory=2).
bool allocate(int file, std::size_t size) noexcept {
  for (std::size_t at = 0; at < size; at += std::min(step, size - at)) {
    const auto begin = static_cast<off_t>(at);
    const auto length = static_cast<off_t>(std::min(step, size - at));
    if (unless_interrupted([&] { return sys("fallocate", ::fallocate, file, 0, begin, length); }) != 0) return false;
  }
  return true;
}

std::byte* map(int file, std::size_t size, int protection) noexcept {
  void* const none = nullptr;
  void* const mapped = sys("mmap", ::mmap, none, size, protection, MAP_SHARED, file, off_t{0});
  return mapped != MAP_FAILED ? static_cast<std::byte*>(mapped) : nullptr;
}

int seal(int file, int seals) noexcept {
  const auto add = [](int to, int command, int which) { return ::fcntl(to, command, which); };
  return sys("fcntl", add, file, F_ADD_SEALS, seals);
}

/// Whether neither side can change its size, nor this one its bytes: with F_SEAL_WRITE nobody can write. Its seals, and
/// no other file's, are so: what has none gives EINVAL, and a file of tmpfs has F_SEAL_SEAL alone.
bool is_sealed(int file, std::error_code& ec) noexcept {
  const auto get = [](int of, int command) { return ::fcntl(of, command); };
  const int seals = sys("fcntl", get, file, F_GET_SEALS);
  if (seals < 0 && errno != EINVAL) {
    ec = last_error(Operation::other);
    return false;
  }
  constexpr int fixed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const bool is_good = seals > 0 && (seals & fixed) == fixed && (seals & (seal_future_write | F_SEAL_WRITE)) != 0;
  if (!is_good) ec = error(Operation::other, std::errc::operation_not_supported);
  return is_good;
}

#endif

}  // namespace
}  // namespace unix_backend

#if defined(__linux__)

MappedMemory create_memory(std::size_t size, std::error_code& ec) noexcept {
  using namespace unix_backend;
  MappedMemory memory;
  const auto create = [](const char* name, unsigned flags) { return ::memfd_create(name, flags); };
  Descriptor file(sys("memfd_create", create, "localsocket", unsigned{MFD_CLOEXEC | MFD_ALLOW_SEALING}));
  if (file.is_open() && allocate(file.get(), size)) memory.data = map(file.get(), size, PROT_READ | PROT_WRITE);
  if (memory.data == nullptr) {
    // What lacks is memory, though a file says it of its device.
    ec = errno == ENOSPC || errno == EFBIG ? error(Operation::other, std::errc::not_enough_memory)
                                           : last_error(Operation::other);
    return memory;
  }
  memory.size = size;
  memory.handle = file.release();
  return memory;
}

// The seals first, then the size, which cannot change any more, then the mapping.
MappedMemory map_memory(NativeHandle handle, std::error_code& ec) noexcept {
  using namespace unix_backend;
  MappedMemory memory;
  if (!is_sealed(handle, ec)) return memory;
  struct stat status {};
  if (sys("fstat", ::fstat, handle, &status) != 0) {
    ec = last_error(Operation::other);
    return memory;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size == 0) {
    ec = error(Operation::other, std::errc::invalid_argument);
  } else if (size > static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max())) {
    ec = error(Operation::other, std::errc::not_enough_memory);
  } else if (memory.data = map(handle, static_cast<std::size_t>(size), PROT_READ); memory.data == nullptr) {
    ec = last_error(Operation::other);
  } else {
    memory.size = static_cast<std::size_t>(size);
  }
  return memory;
}

// The seals hold for the file, however it is opened: through /proc/self/fd as well.
NativeHandle make_read_only_for_peer(const MappedMemory& memory, std::error_code& ec) noexcept {
  using namespace unix_backend;
  if (seal(memory.handle, F_SEAL_SHRINK | F_SEAL_GROW | seal_future_write | F_SEAL_SEAL) == 0) return memory.handle;
  // A kernel that does not know a seal says EINVAL, and leaves all as it was.
  ec = errno == EINVAL ? error(Operation::other, std::errc::operation_not_supported) : last_error(Operation::other);
  return invalid_handle;
}

void unmap_memory(const MappedMemory& memory) noexcept {
  unix_backend::sys("munmap", ::munmap, static_cast<void*>(memory.data), memory.size);
}

#else

MappedMemory create_memory(std::size_t, std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
  return {};
}

MappedMemory map_memory(NativeHandle, std::error_code& ec) noexcept { return create_memory(0, ec); }

NativeHandle make_read_only_for_peer(const MappedMemory&, std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
  return invalid_handle;
}

void unmap_memory(const MappedMemory&) noexcept {}

#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
