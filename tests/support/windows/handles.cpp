#include "support/handles.hpp"

#include <windows.h>

// After <windows.h>.
#include <winternl.h>

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <vector>

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

// SystemExtendedHandleInformation, which is in no header: every handle of the system, which is a thousand times as fast
// as to try each number that may be one.
std::size_t listed_handles() {
  struct Handle {
    void* object;
    ULONG_PTR process;
    ULONG_PTR value;
    ULONG access;
    USHORT unused[2];
    ULONG attributes;
    ULONG reserved;
  };
  struct List {
    ULONG_PTR size;
    ULONG_PTR reserved;
    Handle handles[1];
  };
  constexpr auto every_handle = static_cast<SYSTEM_INFORMATION_CLASS>(64);
  constexpr auto too_small = static_cast<NTSTATUS>(0xC0000004);  // STATUS_INFO_LENGTH_MISMATCH
  static const auto query = reinterpret_cast<decltype(&NtQuerySystemInformation)>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation")));

  std::vector<std::byte> buffer(256 * 1024);
  NTSTATUS status = 0;
  while ((status = query(every_handle, buffer.data(), static_cast<ULONG>(buffer.size()), nullptr)) == too_small) {
    buffer.resize(buffer.size() * 2);
  }
  if (status != 0) throw std::system_error(status, std::system_category(), "NtQuerySystemInformation");
  const auto& list = *reinterpret_cast<const List*>(buffer.data());
  return static_cast<std::size_t>(std::count_if(list.handles, list.handles + list.size, [](const Handle& handle) {
    return handle.process == GetCurrentProcessId();
  }));
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
  return count != 0 ? count : listed_handles();  // Wine: always 0
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
