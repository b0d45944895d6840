#include "system.hpp"

#include <algorithm>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::uint64_t native_thread_id() noexcept { return ::GetCurrentThreadId(); }

std::string trace_target() {
  char target[MAX_PATH];
  const DWORD size = ::GetEnvironmentVariableA("LOCALSOCKET_TRACE", static_cast<char*>(target), MAX_PATH);
  return size < MAX_PATH ? std::string(static_cast<const char*>(target), size) : "";  // a longer one is no file's name
}

namespace windows_backend {

DWORD to_milliseconds(std::chrono::steady_clock::duration time) noexcept {
  if (time == std::chrono::steady_clock::duration::max()) return INFINITE;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  return static_cast<DWORD>(std::min<decltype(whole)>(whole, INFINITE - 1));
}

void wait_for_any(HANDLE object, HANDLE other, std::chrono::steady_clock::duration time) noexcept {
  HANDLE objects[2];
  DWORD count = 0;
  for (const HANDLE one : {object, other}) {
    if (one != nullptr) objects[count++] = one;
  }
  DWORD result = WAIT_FAILED;
  if (count == 1) {
    result = sys("WaitForSingleObject", ::WaitForSingleObject, objects[0], to_milliseconds(time));
  } else if (count == 2) {
    result = sys("WaitForMultipleObjects", ::WaitForMultipleObjects, count, static_cast<const HANDLE*>(objects), FALSE,
                 to_milliseconds(time));
  }
  if (result == WAIT_FAILED) ::Sleep(to_milliseconds(std::min<decltype(time)>(time, blind_wait)));
}

std::wstring to_wide(std::string_view utf8) {
  const int bytes = static_cast<int>(utf8.size());
  const int size = ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), bytes, nullptr, 0);
  std::wstring wide(static_cast<std::size_t>(size), L'\0');
  ::MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, utf8.data(), bytes, wide.data(), size);
  return wide;
}

std::string to_utf8(std::wstring_view wide) {
  const int length = static_cast<int>(wide.size());
  const int size = ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, nullptr, 0, nullptr, nullptr);
  std::string utf8(static_cast<std::size_t>(size), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, wide.data(), length, utf8.data(), size, nullptr, nullptr);
  return utf8;
}

}  // namespace windows_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
