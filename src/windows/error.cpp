#include "system.hpp"

#include <array>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

struct Row {
  DWORD code;
  std::error_condition condition;
};

struct OwnRow {
  Operation operation;
  Row row;
};

// Ours, because mingw's std::system_category does not know 121, 233 and 995. The codes: Microsoft, "System Error
// Codes".

// What a code means to one operation, where that is not what it means to the others.
const auto& own_meanings() noexcept {
  static const std::array rows{
      OwnRow{Operation::bind,
             {ERROR_ACCESS_DENIED, std::errc::address_in_use}},  // FILE_FLAG_FIRST_PIPE_INSTANCE says it so
      OwnRow{Operation::bind,
             {ERROR_PIPE_BUSY, std::errc::address_in_use}},  // another's, with a limit on its instances
      OwnRow{Operation::bind, {ERROR_INVALID_OWNER, std::errc::invalid_argument}},  // of the security descriptor
      OwnRow{Operation::bind, {ERROR_INVALID_ACL, std::errc::invalid_argument}},
      OwnRow{Operation::bind, {ERROR_INVALID_SECURITY_DESCR, std::errc::invalid_argument}},
      OwnRow{Operation::connect, {ERROR_FILE_NOT_FOUND, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_PATH_NOT_FOUND, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_BAD_NETPATH, std::errc::connection_refused}},  // no such host
      OwnRow{Operation::connect, {ERROR_BAD_NET_NAME, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_HOST_UNREACHABLE, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_NETWORK_UNREACHABLE, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_BAD_PIPE, std::errc::connection_refused}},  // it goes away just now
      OwnRow{Operation::connect, {ERROR_BROKEN_PIPE, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_NO_DATA, std::errc::connection_refused}},
      OwnRow{Operation::connect, {ERROR_PIPE_NOT_CONNECTED, std::errc::connection_refused}},
      OwnRow{Operation::read, {ERROR_BROKEN_PIPE, Errc::end_of_stream}},
      OwnRow{Operation::read, {ERROR_PIPE_NOT_CONNECTED, Errc::end_of_stream}},
      OwnRow{Operation::read, {ERROR_NO_DATA, std::errc::operation_would_block}},  // somebody has set PIPE_NOWAIT
  };
  return rows;
}

// What a code means to every other operation. The first row of a condition is the code that says it best.
const auto& common_meanings() noexcept {
  static const std::array rows{
      Row{ERROR_INVALID_NAME, Errc::invalid_address},
      Row{ERROR_BAD_PATHNAME, Errc::invalid_address},
      Row{ERROR_FILENAME_EXCED_RANGE, std::errc::filename_too_long},
      Row{ERROR_ACCESS_DENIED, std::errc::permission_denied},
      Row{ERROR_NETWORK_ACCESS_DENIED, std::errc::permission_denied},
      Row{ERROR_LOGON_FAILURE, std::errc::permission_denied},
      Row{ERROR_PRIVILEGE_NOT_HELD, std::errc::permission_denied},
      Row{ERROR_CANNOT_IMPERSONATE, std::errc::permission_denied},
      Row{ERROR_CANT_OPEN_ANONYMOUS, std::errc::permission_denied},
      Row{ERROR_SEM_TIMEOUT, std::errc::timed_out},
      Row{ERROR_PIPE_BUSY, std::errc::timed_out},
      Row{ERROR_IO_PENDING, std::errc::operation_would_block},
      Row{ERROR_PIPE_LISTENING, std::errc::operation_would_block},
      Row{ERROR_OPERATION_ABORTED, std::errc::operation_canceled},
      Row{ERROR_INVALID_HANDLE, Errc::closed},
      Row{ERROR_BROKEN_PIPE, std::errc::broken_pipe},
      Row{ERROR_NO_DATA, std::errc::broken_pipe},
      Row{ERROR_PIPE_NOT_CONNECTED, std::errc::broken_pipe},
      Row{ERROR_TOO_MANY_OPEN_FILES, std::errc::too_many_files_open},
      Row{ERROR_NO_SYSTEM_RESOURCES, std::errc::too_many_files_open},
      Row{ERROR_NOT_ENOUGH_MEMORY, std::errc::not_enough_memory},
      Row{ERROR_OUTOFMEMORY, std::errc::not_enough_memory},
      Row{ERROR_NOT_ENOUGH_QUOTA, std::errc::not_enough_memory},
      Row{ERROR_COMMITMENT_LIMIT, std::errc::not_enough_memory},
      Row{ERROR_NONPAGED_SYSTEM_RESOURCES, std::errc::not_enough_memory},
      Row{ERROR_PAGED_SYSTEM_RESOURCES, std::errc::not_enough_memory},
      Row{ERROR_NOT_SUPPORTED, std::errc::operation_not_supported},
      Row{ERROR_INVALID_PARAMETER, std::errc::invalid_argument},
  };
  return rows;
}

}  // namespace

bool has_own_meaning(Operation operation, int code) noexcept {
  for (const OwnRow& own : own_meanings()) {
    if (own.row.code == static_cast<DWORD>(code) && own.operation == operation) return true;
  }
  return false;
}

std::error_condition native_condition(Operation operation, int code) noexcept {
  for (const OwnRow& own : own_meanings()) {
    if (own.row.code == static_cast<DWORD>(code) && own.operation == operation) return own.row.condition;
  }
  for (const Row& row : common_meanings()) {
    if (row.code == static_cast<DWORD>(code)) return row.condition;
  }
  // Not in the table: in the documented list all the same, with the system's own text beside it.
  const std::error_condition general = std::system_category().default_error_condition(code);
  return general.category() == std::generic_category() ? general : std::errc::io_error;
}

int native_code(Operation operation, const std::error_condition& condition) noexcept {
  for (const Row& row : common_meanings()) {
    if (row.condition == condition) return static_cast<int>(row.code);
  }
  for (const OwnRow& own : own_meanings()) {
    if (own.row.condition == condition && own.operation == operation) return static_cast<int>(own.row.code);
  }
  return 0;
}

std::string native_message(int code) {
  wchar_t text[512];
  constexpr DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
  const DWORD length = ::FormatMessageW(flags, nullptr, static_cast<DWORD>(code), 0, static_cast<wchar_t*>(text),
                                        std::size(text), nullptr);
  if (length == 0) return "unknown error";
  std::wstring_view message(static_cast<const wchar_t*>(text), length);
  while (!message.empty() && std::wstring_view(L". \r\n").find(message.back()) != std::wstring_view::npos) {
    message.remove_suffix(1);
  }
  return windows_backend::to_utf8(message);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
