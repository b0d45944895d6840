#include "../open_file.hpp"

#include <windows.h>

#include <algorithm>
#include <system_error>

namespace example {
namespace {

void check(bool succeeded, const char* what) {
  if (!succeeded) throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), what);
}

}  // namespace

localsocket::OwnedHandle open_to_read(const std::filesystem::path& file) {
  const HANDLE handle = ::CreateFileW(file.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING,
                                      FILE_ATTRIBUTE_NORMAL, nullptr);
  check(handle != INVALID_HANDLE_VALUE, "open");
  return localsocket::OwnedHandle(handle);
}

std::size_t read_some(const localsocket::OwnedHandle& file, std::span<std::byte> to) {
  constexpr std::size_t most = 1 << 30;
  DWORD count = 0;
  check(
      ::ReadFile(file.native_handle(), to.data(), static_cast<DWORD>(std::min(to.size(), most)), &count, nullptr) != 0,
      "read");
  return count;
}

}  // namespace example
