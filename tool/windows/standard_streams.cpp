#include "../standard_streams.hpp"

#include <windows.h>

#include <cstddef>
#include <span>
#include <system_error>

namespace tool {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), what);
}

}  // namespace

bool stderr_is_terminal() {
  DWORD mode = 0;
  return ::GetConsoleMode(::GetStdHandle(STD_ERROR_HANDLE), &mode) != 0;
}

// A pipe whose writer is gone is the end, and so is an empty message, which a write of no bytes makes.
std::size_t read_input(std::span<std::byte> to) {
  DWORD count = 0;
  if (::ReadFile(::GetStdHandle(STD_INPUT_HANDLE), to.data(), static_cast<DWORD>(to.size()), &count, nullptr) ||
      ::GetLastError() == ERROR_BROKEN_PIPE || ::GetLastError() == ERROR_HANDLE_EOF) {
    return count;
  }
  fail("standard input");
}

void write_output(std::span<const std::byte> from) {
  while (!from.empty()) {
    DWORD count = 0;
    if (!::WriteFile(::GetStdHandle(STD_OUTPUT_HANDLE), from.data(), static_cast<DWORD>(from.size()), &count,
                     nullptr)) {
      fail("standard output");
    }
    from = from.subspan(count);
  }
}

}  // namespace tool
