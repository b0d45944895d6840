// Shared memory by a section on the page file.
#include "system.hpp"

#include "backend.hpp"

#include <cstdint>
#include <memory>

#include <psapi.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace windows_backend {
namespace {

struct DescriptorFreer {
  void operator()(void* memory) const noexcept { ::LocalFree(memory); }
};

/// A section on the page file whose list of access lets nobody in: its handles are all there is. Without the entry for
/// OWNER RIGHTS the owner, who may be the peer, could change the list (WRITE_DAC). Windows 8.1 and later heed the list
/// of a section without a name. The memory is committed.
Handle make_section(std::size_t size, std::error_code& ec) noexcept {
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!::ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;RC;;;OW)", SDDL_REVISION_1, &descriptor,
                                                              nullptr)) {
    ec = last_error(Operation::other);
    return {};
  }
  const std::unique_ptr<void, DescriptorFreer> owner(descriptor);
  SECURITY_ATTRIBUTES attributes{sizeof attributes, descriptor, FALSE};
  const std::uint64_t bytes = size;
  Handle section(sys("CreateFileMappingW", ::CreateFileMappingW, INVALID_HANDLE_VALUE, &attributes,
                     DWORD{PAGE_READWRITE}, static_cast<DWORD>(bytes >> 32U), static_cast<DWORD>(bytes), LPCWSTR{}));
  if (!section.is_open()) ec = last_error(Operation::other);
  return section;
}

std::byte* map(HANDLE section, DWORD access) noexcept {
  return static_cast<std::byte*>(sys("MapViewOfFile", ::MapViewOfFile, section, access, DWORD{0}, DWORD{0}, SIZE_T{0}));
}

/// How many bytes from there on are memory. The pages that a section has reserved only are none, and reading them
/// would be a crash; what is committed stays so (VirtualFree).
std::size_t committed_bytes(std::byte* view) noexcept {
  MEMORY_BASIC_INFORMATION region{};
  const auto query = [](LPCVOID at, MEMORY_BASIC_INFORMATION* into) -> BOOL {
    return ::VirtualQuery(at, into, sizeof *into) != 0 ? TRUE : FALSE;
  };
  const bool is_known = sys("VirtualQuery", query, LPCVOID{view}, &region) != FALSE;
  return is_known && region.State == MEM_COMMIT ? region.RegionSize : 0;
}

/// Whether there is a file behind it: its bytes could fail to be read when they are used, which is a crash. One with a
/// longer name is one, too.
bool is_of_a_file(std::byte* view) noexcept {
  wchar_t name[MAX_PATH];
  const auto get = [](std::byte* at, wchar_t* into) -> BOOL {
    return ::K32GetMappedFileNameW(::GetCurrentProcess(), at, into, MAX_PATH) != 0 ? TRUE : FALSE;
  };
  if (sys("GetMappedFileNameW", get, view, static_cast<wchar_t*>(name)) != FALSE) return true;
  const DWORD why = ::GetLastError();
  return why == ERROR_INSUFFICIENT_BUFFER || why == ERROR_MORE_DATA;
}

}  // namespace
}  // namespace windows_backend

MappedMemory create_memory(std::size_t size, std::error_code& ec) noexcept {
  using namespace windows_backend;
  MappedMemory memory;
  Handle section = make_section(size, ec);
  if (ec) return memory;
  memory.data = map(section.get(), FILE_MAP_READ | FILE_MAP_WRITE);
  if (memory.data == nullptr) {
    ec = last_error(Operation::other);
    return memory;
  }
  memory.size = size;
  memory.handle = section.release();
  return memory;
}

MappedMemory map_memory(NativeHandle handle, std::error_code& ec) noexcept {
  using namespace windows_backend;
  MappedMemory memory;
  memory.data = map(handle, FILE_MAP_READ);
  if (memory.data == nullptr) {
    // An open handle of another kind gives it, too.
    ec = ::GetLastError() == ERROR_INVALID_HANDLE ? error(Operation::other, std::errc::operation_not_supported)
                                                  : last_error(Operation::other);
    return memory;
  }
  memory.size = committed_bytes(memory.data);
  if (memory.size != 0 && !is_of_a_file(memory.data)) return memory;
  ec = error(Operation::other, std::errc::operation_not_supported);
  unmap_memory(memory);
  return {};
}

NativeHandle make_read_only_for_peer(const MappedMemory& memory, std::error_code& ec) noexcept {
  using namespace windows_backend;
  HANDLE reader = nullptr;
  const HANDLE self = ::GetCurrentProcess();
  if (sys("DuplicateHandle", ::DuplicateHandle, self, HANDLE{memory.handle}, self, &reader, DWORD{FILE_MAP_READ}, FALSE,
          DWORD{0}) == FALSE) {
    ec = last_error(Operation::other);
    return invalid_handle;
  }
  return reader;
}

void unmap_memory(const MappedMemory& memory) noexcept {
  windows_backend::sys("UnmapViewOfFile", ::UnmapViewOfFile, LPCVOID{memory.data});
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
