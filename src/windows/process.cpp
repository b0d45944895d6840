#include "process.hpp"

#include "backend.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace windows_backend {

DWORD process_id_of_peer(HANDLE pipe, const std::optional<PipeInfo>& info, std::error_code& ec) noexcept {
  ULONG process = 0;
  const bool is_known =
      info && info->is_server_end
          ? sys("GetNamedPipeClientProcessId", ::GetNamedPipeClientProcessId, pipe, &process) != FALSE
          : sys("GetNamedPipeServerProcessId", ::GetNamedPipeServerProcessId, pipe, &process) != FALSE;
  if (!is_known) ec = last_error(Operation::other);
  return process;
}

// A pipe keeps the number of the process that opened its end, and not the process: another one may have it by now.
ProcessOfPeer process_of_peer(HANDLE pipe, std::error_code& ec) noexcept {
  ProcessOfPeer process;
  const DWORD id = process_id_of_peer(pipe, info_of(pipe), ec);
  if (ec) return process;
  process.id = id;
  Handle handle(sys("OpenProcess", ::OpenProcess, DWORD{SYNCHRONIZE}, FALSE, id));
  // ERROR_INVALID_PARAMETER: no process has the number (OpenProcess's documentation).
  process.has_exited = !handle.is_open() && ::GetLastError() == ERROR_INVALID_PARAMETER;
  if (!handle.is_open() && !process.has_exited) ec = last_error(Operation::other);
  process.handle = handle.release();
  return process;
}

}  // namespace windows_backend

bool has_exited(const ProcessOfPeer& process, std::error_code& ec) noexcept {
  const DWORD result =
      windows_backend::sys("WaitForSingleObject", ::WaitForSingleObject, HANDLE{process.handle}, DWORD{0});
  if (result == WAIT_FAILED) ec = windows_backend::last_error(Operation::other);
  return result == WAIT_OBJECT_0;
}

bool wait_for_exit(const ProcessOfPeer& process, Call& call, std::error_code& ec) noexcept {
  const Waiter waiter(call);
  while (!has_exited(process, ec) && !ec) {
    const Interruption why = call.refused();
    if (why != Interruption::none) {
      if (why != Interruption::timed_out) ec = error(Operation::other, why);
      return false;
    }
    waiter.waker().wait_also_for(process.handle, call.remaining());
  }
  return !ec;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
