#include "support/process.hpp"

#include <windows.h>

#include <iostream>
#include <mutex>
#include <system_error>
#include <utility>

#include "support/wine.hpp"

namespace localsocket::test {

struct ChildProcess::Native {
  HANDLE process = nullptr;
  HANDLE output = nullptr;
  HANDLE input = nullptr;
  DWORD id = 0;
};

namespace {

void check(BOOL succeeded, const char* what) {
  if (!succeeded) throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), what);
}

std::wstring wide(const std::string& text) {
  const int size = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring result(static_cast<std::size_t>(size), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), size);
  return result;
}

// The rules by which the C runtime takes a command line apart: backslashes count only before a quotation mark.
// https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
std::string quoted(const std::string& argument) {
  std::string result = "\"";
  std::size_t backslashes = 0;
  for (const char c : argument) {
    if (c == '"') result.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    result.push_back(c);
  }
  result.append(backslashes, '\\');
  return result + '"';
}

struct Pipe {
  HANDLE read_end = nullptr;
  HANDLE write_end = nullptr;
};

/// A pipe whose one end a child can have.
Pipe make_pipe(HANDLE Pipe::*ours) {
  Pipe pipe;
  SECURITY_ATTRIBUTES inheritable{sizeof inheritable, nullptr, TRUE};
  check(CreatePipe(&pipe.read_end, &pipe.write_end, &inheritable, 0), "CreatePipe");
  SetHandleInformation(pipe.*ours, HANDLE_FLAG_INHERIT, 0);
  return pipe;
}

/// Wine says ERROR_INTERNAL_ERROR of a process that it has lost before that began (NtCreateUserProcess in its source):
/// once in ten thousand starts or so. It has done nothing then, and another one is started.
BOOL create_process(std::wstring& command_line, STARTUPINFOW& startup, PROCESS_INFORMATION& process) {
  for (int left = running_under_wine() ? 3 : 1;; --left) {
    const BOOL created =
        CreateProcessW(nullptr, command_line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &startup, &process);
    if (created || left == 1 || GetLastError() != ERROR_INTERNAL_ERROR) return created;
    std::cerr << "Wine has lost a process before it began\n";
  }
}

}  // namespace

ChildProcess detail::start_process(const std::vector<std::string>& command_line, const Streams& streams) {
  std::string text;
  for (const auto& argument : command_line) text.append(text.empty() ? "" : " ").append(quoted(argument));
  std::wstring command = wide(text);

  // Inheritance is for all inheritable handles of the process: one spawn at a time, or a child gets another's output.
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);

  const Pipe output = make_pipe(&Pipe::read_end);
  const Pipe input = streams.with_input ? make_pipe(&Pipe::write_end) : Pipe();
  STARTUPINFOW startup{};
  startup.cb = sizeof startup;
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = input.read_end;
  startup.hStdOutput = streams.output != invalid_handle ? streams.output : output.write_end;
  startup.hStdError = streams.with_errors ? output.write_end : GetStdHandle(STD_ERROR_HANDLE);
  PROCESS_INFORMATION process{};
  const BOOL created = create_process(command, startup, process);
  const DWORD error = GetLastError();
  CloseHandle(output.write_end);
  if (streams.with_input) CloseHandle(input.read_end);
  auto native = std::make_unique<ChildProcess::Native>();
  native->output = output.read_end;
  native->input = input.write_end;
  native->process = process.hProcess;
  native->id = process.dwProcessId;
  ChildProcess child(std::move(native));
  SetLastError(error);
  check(created, "CreateProcessW");
  CloseHandle(process.hThread);
  return child;
}

std::string detail::program_path() {
  wchar_t path[4096];
  const DWORD length = GetModuleFileNameW(nullptr, path, 4096);
  std::string result(4 * std::size_t{length}, '\0');
  const int size = WideCharToMultiByte(CP_UTF8, 0, path, static_cast<int>(length), result.data(),
                                       static_cast<int>(result.size()), nullptr, nullptr);
  result.resize(static_cast<std::size_t>(size));
  return result;
}

ChildProcess::ChildProcess(std::unique_ptr<Native> native) : native_(std::move(native)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(native_, other.native_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!native_) return;
  if (native_->process != nullptr) {
    kill();
    CloseHandle(native_->process);
  }
  CloseHandle(native_->output);
  close_input();
}

std::string ChildProcess::read_line() {
  std::string line;
  DWORD count = 0;
  for (char c; ReadFile(native_->output, &c, 1, &count, nullptr) && count == 1 && c != '\n';) {
    if (c != '\r') line.push_back(c);
  }
  return line;
}

std::string ChildProcess::read_to_end() {
  std::string text;
  char buffer[4096];
  for (DWORD size = 0; ReadFile(native_->output, buffer, sizeof buffer, &size, nullptr);) text.append(buffer, size);
  return text;
}

void ChildProcess::write(std::string_view text) {
  while (!text.empty()) {
    DWORD size = 0;
    check(WriteFile(native_->input, text.data(), static_cast<DWORD>(text.size()), &size, nullptr), "WriteFile");
    text.remove_prefix(size);
  }
}

void ChildProcess::close_input() {
  if (native_->input != nullptr) CloseHandle(std::exchange(native_->input, nullptr));
}

int ChildProcess::wait() {
  WaitForSingleObject(native_->process, INFINITE);
  DWORD exit_code = 0;
  check(GetExitCodeProcess(native_->process, &exit_code), "GetExitCodeProcess");
  return static_cast<int>(exit_code);
}

void ChildProcess::kill() {
  TerminateProcess(native_->process, killed_exit_code);
  wait();
}

unsigned long ChildProcess::id() const { return native_->id; }

}  // namespace localsocket::test
