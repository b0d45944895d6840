#include "support/handles.hpp"

#include <windows.h>

#include <cstdint>
#include <system_error>

namespace localsocket::test {

namespace {

HANDLE checked(HANDLE handle, const char* what) {
  if (handle == nullptr || handle == INVALID_HANDLE_VALUE) {
    throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), what);
  }
  return handle;
}

std::vector<ForeignHandle> handles_of_no_use() {
  std::vector<ForeignHandle> handles;
  handles.emplace_back("a file", checked(CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                                                     FILE_FLAG_OVERLAPPED, nullptr),
                                         "CreateFileW"));
  handles.emplace_back("an event", checked(CreateEventW(nullptr, TRUE, FALSE, nullptr), "CreateEventW"));
  return handles;
}

}  // namespace

bool is_open_handle(NativeHandle handle) {
  DWORD flags = 0;
  return GetHandleInformation(handle, &flags) != 0;
}

void close_handle(NativeHandle handle) { CloseHandle(handle); }

NativeHandle duplicate_handle(NativeHandle handle) {
  HANDLE copy = nullptr;
  DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS);
  return checked(copy, "DuplicateHandle");
}

std::size_t open_handles() {
  DWORD count = 0;
  if (!GetProcessHandleCount(GetCurrentProcess(), &count)) checked(nullptr, "GetProcessHandleCount");
  if (count != 0) return count;
  // Wine: always 0. Handles are small multiples of four there, the lowest free one first.
  std::size_t found = 0;
  for (std::uintptr_t handle = 4, last = 0; handle < last + 4096; handle += 4) {
    if (!is_open_handle(reinterpret_cast<HANDLE>(handle))) continue;
    ++found;
    last = handle;
  }
  return found;
}

std::size_t shared_mappings() {
  std::size_t count = 0;
  MEMORY_BASIC_INFORMATION region{};
  for (const char* at = nullptr; VirtualQuery(at, &region, sizeof region) != 0; at += region.RegionSize) {
    count += region.Type == MEM_MAPPED && region.BaseAddress == region.AllocationBase ? 1U : 0U;
  }
  return count;
}

std::vector<ForeignHandle> handles_that_are_no_stream() { return handles_of_no_use(); }

std::vector<ForeignHandle> handles_that_are_no_listener() { return handles_of_no_use(); }

}  // namespace localsocket::test
