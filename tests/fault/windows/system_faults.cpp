#include "fault/system_faults.hpp"

#include <windows.h>

#include "fault/resources.hpp"

namespace localsocket::test {
namespace {

using Kind = localsocket::detail::seams::Fault::Kind;

struct Row {
  std::string_view name;
  std::vector<DWORD> errors;        // none: it cannot fail with the handles that it is given
  std::vector<DWORD> passing = {};  // those that say "again": each ends some time
  std::intptr_t result = FALSE;
  Kind kind = Kind::fails;
  bool can_be_short = false;
};

const std::intptr_t no_file = -1;   // INVALID_HANDLE_VALUE
const std::intptr_t no_object = 0;  // of CreateEvent and CreateThread

// The functions' pages name few errors; resources can lack for all of them ("System Error Codes").
const std::vector<DWORD> lacking{ERROR_NOT_ENOUGH_MEMORY, ERROR_NO_SYSTEM_RESOURCES};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {"CancelIoEx", {ERROR_NOT_FOUND}, {}, FALSE, Kind::fails_after},
      {"CancelSynchronousIo", {}, {ERROR_NOT_FOUND}},
      {"CheckTokenMembership", lacking},
      {"CloseHandle", {}},
      {"ConnectNamedPipe", {ERROR_NO_SYSTEM_RESOURCES}},
      {"CreateEventW", lacking, {}, no_object},
      {"CreateFileMappingW",
       {ERROR_COMMITMENT_LIMIT, ERROR_NOT_ENOUGH_MEMORY, ERROR_NO_SYSTEM_RESOURCES},
       {},
       no_object},
      {"CreateFileW",
       {ERROR_ACCESS_DENIED, ERROR_TOO_MANY_OPEN_FILES, ERROR_NOT_ENOUGH_MEMORY, ERROR_NO_SYSTEM_RESOURCES},
       {ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY},
       no_file},
      {"CreateNamedPipeW",
       {ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY, ERROR_NOT_ENOUGH_MEMORY, ERROR_NO_SYSTEM_RESOURCES},
       {},
       no_file},
      {"CreateProcessW", {ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_NOT_ENOUGH_MEMORY}},
      {"CreateThread", lacking, {}, no_object},
      {"CreateThreadpoolWait", lacking, {}, no_object},
      {"DuplicateHandle", lacking},
      {"FlushFileBuffers", {ERROR_BROKEN_PIPE, ERROR_NO_SYSTEM_RESOURCES}},
      {"GetFileType", {}},
      {"GetMappedFileNameW", {ERROR_NO_SYSTEM_RESOURCES}},
      {"GetNamedPipeClientProcessId", {ERROR_NO_SYSTEM_RESOURCES}},
      {"GetNamedPipeHandleStateW", {ERROR_NO_SYSTEM_RESOURCES}},
      {"GetNamedPipeInfo", {ERROR_NO_SYSTEM_RESOURCES}},
      {"GetNamedPipeServerProcessId", {ERROR_NO_SYSTEM_RESOURCES}},
      {"GetSecurityInfo", {}},  // it returns its error
      {"GetTokenInformation", lacking},
      {"ImpersonateNamedPipeClient", {ERROR_CANNOT_IMPERSONATE, ERROR_NO_SYSTEM_RESOURCES}},
      {"LookupAccountNameW", {ERROR_NONE_MAPPED, ERROR_NOT_ENOUGH_MEMORY}},
      {"MapViewOfFile", {ERROR_ACCESS_DENIED, ERROR_COMMITMENT_LIMIT, ERROR_NOT_ENOUGH_MEMORY}, {}, no_object},
      {"OpenProcess", {ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER}, {}, no_object},
      {"OpenProcessToken", {ERROR_ACCESS_DENIED, ERROR_NO_SYSTEM_RESOURCES}},
      {"OpenThreadToken", {ERROR_ACCESS_DENIED, ERROR_CANT_OPEN_ANONYMOUS, ERROR_NO_SYSTEM_RESOURCES}},
      {"PeekNamedPipe", {ERROR_BROKEN_PIPE, ERROR_NO_SYSTEM_RESOURCES}},
      {"ReadFile",
       {ERROR_BROKEN_PIPE, ERROR_INVALID_USER_BUFFER, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_ENOUGH_QUOTA,
        ERROR_NO_SYSTEM_RESOURCES, ERROR_PIPE_NOT_CONNECTED},
       {},
       FALSE,
       Kind::fails,
       true},
      {"RegisterWaitForSingleObject", lacking},
      {"ResetEvent", {}},
      {"RevertToSelf", {}},  // to go on as somebody else would be worse than to end: the process ends
      {"SetEvent", {}},
      {"SetNamedPipeHandleState", {ERROR_ACCESS_DENIED, ERROR_NO_SYSTEM_RESOURCES}},
      {"SetThreadToken", {}},  // as RevertToSelf
      {"UnmapViewOfFile", {}},
      {"UnregisterWaitEx", {}},
      {"VirtualQuery", {}},
      {"WaitForMultipleObjects", {}},
      {"WaitForSingleObject", {}},
      {"WaitNamedPipeW", {}, {ERROR_FILE_NOT_FOUND, ERROR_SEM_TIMEOUT}},
      {"WriteFile",
       {ERROR_BROKEN_PIPE, ERROR_INVALID_USER_BUFFER, ERROR_NO_DATA, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_ENOUGH_QUOTA,
        ERROR_NO_SYSTEM_RESOURCES},
       {},
       FALSE,
       Kind::fails,
       true},
  };
  return rows;
}

}  // namespace

std::optional<std::vector<SystemFault>> faults_of(std::string_view name, std::string_view public_call) {
  for (const Row& row : table()) {
    if (row.name != name) continue;
    std::vector<SystemFault> faults;
    for (const DWORD error : row.errors) faults.push_back({{row.kind, row.result, static_cast<int>(error)}});
    for (const DWORD error : row.passing) faults.push_back({{row.kind, row.result, static_cast<int>(error)}, true});
    const bool moves_whole_messages = public_call.starts_with("packets");
    if (row.can_be_short && !moves_whole_messages) faults.push_back({{Kind::moves_one}});
    return faults;
  }
  return std::nullopt;
}

bool removes_a_file(std::string_view) { return false; }

std::size_t count_files() { return 0; }

void remove_files() {}

}  // namespace localsocket::test
