#include "backend.hpp"
#include "system.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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

/// What a child inherits: a handle that leads nowhere, for its standard streams, and no other of this process. Without
/// one it would have copies of this process's own.
class InheritNothing {
 public:
  explicit InheritNothing(std::error_code& ec) {
    SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
    nowhere_ = Handle(sys("CreateFileW", ::CreateFileW, LPCWSTR{L"NUL"}, DWORD{GENERIC_READ | GENERIC_WRITE},
                          DWORD{FILE_SHARE_READ | FILE_SHARE_WRITE}, &inheritable, DWORD{OPEN_EXISTING}, DWORD{0},
                          HANDLE{nullptr}));
    if (!nowhere_.is_open()) {
      ec = last_error(Operation::other);
      return;
    }
    inherited_ = nowhere_.get();
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);  // says the size, and fails
    memory_ = std::make_unique<std::byte[]>(size);
    has_list_ = ::InitializeProcThreadAttributeList(list(), 1, 0, &size) != FALSE;
    const bool is_ready = has_list_ && ::UpdateProcThreadAttribute(list(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                                                   &inherited_, sizeof inherited_, nullptr, nullptr);
    if (!is_ready) ec = last_error(Operation::other);
  }
  InheritNothing(const InheritNothing&) = delete;
  InheritNothing& operator=(const InheritNothing&) = delete;
  ~InheritNothing() {
    if (has_list_) ::DeleteProcThreadAttributeList(list());
  }

  STARTUPINFOEXW startup() noexcept {
    STARTUPINFOEXW startup{};
    startup.StartupInfo.cb = sizeof startup;
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    startup.StartupInfo.hStdInput = startup.StartupInfo.hStdOutput = startup.StartupInfo.hStdError = inherited_;
    startup.lpAttributeList = list();
    return startup;
  }

 private:
  LPPROC_THREAD_ATTRIBUTE_LIST list() noexcept { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get()); }

  Handle nowhere_;
  HANDLE inherited_ = nullptr;
  std::unique_ptr<std::byte[]> memory_;
  bool has_list_ = false;
};

bool run(std::wstring line, InheritNothing& inherited, DWORD flags) noexcept {
  STARTUPINFOEXW startup = inherited.startup();
  PROCESS_INFORMATION process{};
  const bool is_running =
      sys("CreateProcessW", ::CreateProcessW, LPCWSTR{nullptr}, line.data(), LPSECURITY_ATTRIBUTES{nullptr},
          LPSECURITY_ATTRIBUTES{nullptr}, TRUE, flags | EXTENDED_STARTUPINFO_PRESENT, LPVOID{nullptr}, LPCWSTR{nullptr},
          &startup.StartupInfo, &process) != FALSE;
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
  InheritNothing inherited(ec);
  if (ec) return;
  constexpr DWORD flags = CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP;
  const bool is_running = run(line, inherited, flags | CREATE_BREAKAWAY_FROM_JOB) ||
                          (::GetLastError() == ERROR_ACCESS_DENIED && run(std::move(line), inherited, flags));
  if (!is_running) ec = last_error(Operation::other);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
