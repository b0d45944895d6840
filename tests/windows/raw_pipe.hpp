// A program that knows nothing of this library: bare Win32 calls, one at a time, without OVERLAPPED.
#pragma once

#include <windows.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace localsocket::test {

inline std::wstring wide(std::string_view utf8) {
  const int bytes = static_cast<int>(utf8.size());
  std::wstring result(utf8.size(), L'\0');
  result.resize(static_cast<std::size_t>(
      MultiByteToWideChar(CP_UTF8, 0, utf8.data(), bytes, result.data(), static_cast<int>(result.size()))));
  return result;
}

/// Owns the handle of a pipe's end.
class RawPipe {
 public:
  struct Form {
    DWORD mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE;
    DWORD buffer_size = 4096;
    DWORD max_instances = PIPE_UNLIMITED_INSTANCES;
    DWORD flags = 0;
  };

  explicit RawPipe(HANDLE handle) : handle_(handle) {
    if (handle == INVALID_HANDLE_VALUE) fail("open");
  }
  RawPipe(RawPipe&& other) noexcept : handle_(std::exchange(other.handle_, INVALID_HANDLE_VALUE)) {}
  RawPipe& operator=(RawPipe&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~RawPipe() { close(); }

  static RawPipe server(const std::string& name, const Form& form) {
    return RawPipe(CreateNamedPipeW(wide(name).c_str(), PIPE_ACCESS_DUPLEX | form.flags, form.mode, form.max_instances,
                                    form.buffer_size, form.buffer_size, 0, nullptr));
  }
  static RawPipe client(const std::string& name, DWORD flags = 0) {
    return RawPipe(
        CreateFileW(wide(name).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, flags, nullptr));
  }

  HANDLE get() const { return handle_; }
  HANDLE release() { return std::exchange(handle_, INVALID_HANDLE_VALUE); }
  void close() {
    if (handle_ != INVALID_HANDLE_VALUE) CloseHandle(release());
  }

  void write(std::string_view text) const {
    DWORD written = 0;
    if (!WriteFile(handle_, text.data(), static_cast<DWORD>(text.size()), &written, nullptr)) fail("WriteFile");
  }
  std::string read_until_end() const {
    std::string text;
    char buffer[4096];
    for (DWORD count = 0; ReadFile(handle_, buffer, sizeof buffer, &count, nullptr);) text.append(buffer, count);
    return text;
  }
  std::string read(std::size_t size) const {
    std::string text(size, '\0');
    std::size_t done = 0;
    for (DWORD count = 0; done < size; done += count) {
      if (!ReadFile(handle_, text.data() + done, static_cast<DWORD>(size - done), &count, nullptr)) fail("ReadFile");
    }
    return text;
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), what);
  }

  HANDLE handle_;
};

}  // namespace localsocket::test
