// The system calls of this backend, traced. The one file that includes <windows.h>.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>
#include <winternl.h>

#include "core/errors.hpp"
#include "core/seams.hpp"
#include "core/trace.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

// How each kind of result says that a call failed; all of them set GetLastError().
inline bool has_failed(BOOL result) noexcept { return result == FALSE; }
inline bool has_failed(HANDLE result) noexcept { return result == nullptr || result == INVALID_HANDLE_VALUE; }
inline bool has_failed(DWORD result) noexcept { return result == WAIT_FAILED; }
inline bool has_failed(PTP_WAIT result) noexcept { return result == nullptr; }

inline void set_error(int error) noexcept { ::SetLastError(static_cast<DWORD>(error)); }

/// Calls `function` and tells the trace hook.
template <class Function, class... Arguments>
inline auto sys(const char* name, Function function, Arguments... arguments) noexcept {
  const auto result = seams::call<set_error>(name, function, arguments...);
  if (is_tracing()) [[unlikely]] {
    const DWORD saved = ::GetLastError();
    trace(name, has_failed(result) ? static_cast<int>(saved) : 0, result, arguments...);
    ::SetLastError(saved);
  }
  return result;
}

/// A handle that closes itself. Null and INVALID_HANDLE_VALUE are both "none".
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(HANDLE value) noexcept : value_(value == nullptr ? INVALID_HANDLE_VALUE : value) {}
  Handle(Handle&& other) noexcept : value_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      const Handle old(std::exchange(value_, other.release()));
    }
    return *this;
  }
  ~Handle() {
    if (is_open()) sys("CloseHandle", ::CloseHandle, value_);
  }

  HANDLE get() const noexcept { return value_; }
  bool is_open() const noexcept { return value_ != INVALID_HANDLE_VALUE; }
  HANDLE release() noexcept { return std::exchange(value_, INVALID_HANDLE_VALUE); }

 private:
  HANDLE value_ = INVALID_HANDLE_VALUE;
};

inline std::error_code last_error(Operation operation) noexcept {
  return native_error(operation, static_cast<int>(::GetLastError()));
}

/// Another handle of this process for the same thing, with the same rights.
inline Handle duplicate_of(HANDLE handle, std::error_code& ec) noexcept {
  HANDLE copy = nullptr;
  const HANDLE process = ::GetCurrentProcess();
  if (!sys("DuplicateHandle", ::DuplicateHandle, process, handle, process, &copy, DWORD{0}, FALSE,
           DWORD{DUPLICATE_SAME_ACCESS})) {
    ec = last_error(Operation::other);
  }
  return Handle(copy);
}

/// How long a thread sleeps that waits for something that nothing can tell it of, before it looks again.
inline constexpr std::chrono::milliseconds blind_wait{10};

/// Waits until one of the objects, of which some may be null, is signalled, or the time is over. Without any it sleeps
/// for a blind_wait at most, so that whoever looks again and again does not spin.
void wait_for_any(HANDLE object, HANDLE other, std::chrono::steady_clock::duration time) noexcept;

/// For a wait: rounded up, so that nothing ends early; INFINITE for `max()`.
DWORD to_milliseconds(std::chrono::steady_clock::duration time) noexcept;

/// Empty when the text is not UTF-8.
std::wstring to_wide(std::string_view utf8);
std::string to_utf8(std::wstring_view wide);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
