#include "support/handles.hpp"

#include <windows.h>

// After <windows.h>.
#include <winternl.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
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

// What Wine says there is the size of the table that the handles are in. (Its list of all handles, by
// SystemExtendedHandleInformation, would be faster still, and crashes the server of Wine 8 when a process starts.)
ULONG handle_table_size() {
  static const auto query = reinterpret_cast<decltype(&NtQuerySystemInformation)>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQuerySystemInformation")));
  constexpr auto too_small = static_cast<NTSTATUS>(0xC0000004);  // STATUS_INFO_LENGTH_MISMATCH
  std::vector<std::byte> buffer(64 * 1024);
  NTSTATUS status = 0;
  while ((status = query(SystemProcessInformation, buffer.data(), static_cast<ULONG>(buffer.size()), nullptr)) ==
         too_small) {
    buffer.resize(buffer.size() * 2);
  }
  if (status != 0) throw std::system_error(status, std::system_category(), "NtQuerySystemInformation");
  const std::byte* at = buffer.data();
  for (;;) {
    const auto& process = *reinterpret_cast<const SYSTEM_PROCESS_INFORMATION*>(at);
    if (reinterpret_cast<std::uintptr_t>(process.UniqueProcessId) == GetCurrentProcessId()) return process.HandleCount;
    if (process.NextEntryOffset == 0) throw std::runtime_error("this process is not in the system's list");
    at += process.NextEntryOffset;
  }
}

/// Handles are multiples of four.
std::size_t handles_in_table() {
  std::size_t found = 0;
  for (std::uintptr_t place = handle_table_size(); place > 0; --place) {
    found += is_open_handle(reinterpret_cast<HANDLE>(place * 4)) ? 1U : 0U;
  }
  return found;
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
  return count != 0 ? count : handles_in_table();  // Wine: always 0
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
