#include "../process.hpp"

#include <windows.h>
#include <memory>
#include <string_view>
#include <system_error>

namespace example {
namespace {

std::wstring wide(std::string_view utf8) {
  const int bytes = static_cast<int>(utf8.size());
  std::wstring text(static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), bytes, nullptr, 0)), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), bytes, text.data(), static_cast<int>(text.size()));
  return text;
}

/// As CommandLineToArgvW takes it apart: backslashes count only before a quotation mark.
std::wstring quoted_argument(std::wstring_view argument) {
  std::wstring result = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') result.append(backslashes + 1, L'\\');
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    result += c;
  }
  return result.append(backslashes, L'\\') + L'"';
}

void check(BOOL succeeded, const char* what) {
  if (!succeeded) throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), what);
}

struct CloseHandle {
  void operator()(HANDLE handle) const noexcept { ::CloseHandle(handle); }
};
using OwnedHandle = std::unique_ptr<void, CloseHandle>;

/// The list of handles that a child inherits: the one, and no other inheritable handle of this process.
class InheritOnly {
 public:
  explicit InheritOnly(HANDLE handle) : handle_(handle) {
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    memory_ = std::make_unique<std::byte[]>(size);
    check(::InitializeProcThreadAttributeList(get(), 1, 0, &size), "InitializeProcThreadAttributeList");
    check(::UpdateProcThreadAttribute(get(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &handle_, sizeof handle_, nullptr,
                                      nullptr),
          "UpdateProcThreadAttribute");
  }
  InheritOnly(const InheritOnly&) = delete;
  InheritOnly& operator=(const InheritOnly&) = delete;
  ~InheritOnly() { ::DeleteProcThreadAttributeList(get()); }

  LPPROC_THREAD_ATTRIBUTE_LIST get() { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get()); }

 private:
  HANDLE handle_;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace

int run_with_output(const std::vector<std::string>& command, localsocket::ChildOutput output) {
  std::wstring line;
  for (const std::string& argument : command)
    line.append(line.empty() ? L"" : L" ").append(quoted_argument(wide(argument)));

  InheritOnly inherited(output.native_handle());
  STARTUPINFOEXW startup{};
  startup.StartupInfo.cb = sizeof startup;
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdOutput = output.native_handle();
  startup.lpAttributeList = inherited.get();
  PROCESS_INFORMATION process{};
  check(::CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE, EXTENDED_STARTUPINFO_PRESENT, nullptr, nullptr,
                         &startup.StartupInfo, &process),
        "start the command");
  const OwnedHandle child(process.hProcess);
  const OwnedHandle thread(process.hThread);
  output.close();

  ::WaitForSingleObject(child.get(), INFINITE);
  DWORD code = 1;
  check(::GetExitCodeProcess(child.get(), &code), "learn how the command ended");
  return static_cast<int>(code);
}

}  // namespace example
