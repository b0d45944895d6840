#include "backend.hpp"
#include "system.hpp"

#include <string>
#include <string_view>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace windows_backend {
namespace {

/// As CommandLineToArgvW takes it apart: backslashes count before a quotation mark only (its documentation).
std::wstring quoted(std::wstring_view argument) {
  std::wstring result = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') result.append(backslashes + 1, L'\\');
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    result += c;
  }
  return result.append(backslashes, L'\\') + L'"';
}

bool run(std::wstring line, DWORD flags) noexcept {
  STARTUPINFOW startup{};
  startup.cb = sizeof startup;
  PROCESS_INFORMATION process{};
  const bool is_running =
      sys("CreateProcessW", ::CreateProcessW, LPCWSTR{nullptr}, line.data(), LPSECURITY_ATTRIBUTES{nullptr},
          LPSECURITY_ATTRIBUTES{nullptr}, FALSE, flags, LPVOID{nullptr}, LPCWSTR{nullptr}, &startup, &process) != FALSE;
  const DWORD error = ::GetLastError();
  if (is_running) {
    const Handle of_process(process.hProcess);
    const Handle of_thread(process.hThread);
  }
  ::SetLastError(error);
  return is_running;
}

}  // namespace
}  // namespace windows_backend

// CREATE_NO_WINDOW: a console of its own that nobody sees, so that closing this process's ends nothing there, and what
// it starts shows none either. Who ends a job, such as a terminal, ends what has not left it, which a job may forbid
// ("Process Creation Flags", "Job Objects").
void start_detached(std::span<const std::string> command, std::error_code& ec) {
  using namespace windows_backend;
  std::wstring line;
  for (const std::string& part : command) {
    const std::wstring wide = to_wide(part);
    if (wide.empty() && !part.empty()) ec = error(Operation::other, std::errc::invalid_argument);  // no UTF-8
    line.append(line.empty() ? L"" : L" ").append(quoted(wide));
  }
  if (ec) return;
  constexpr DWORD flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
  const bool is_running = run(line, flags | CREATE_BREAKAWAY_FROM_JOB) ||
                          (::GetLastError() == ERROR_ACCESS_DENIED && run(std::move(line), flags));
  if (!is_running) ec = last_error(Operation::other);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
