// One overlapped operation, from its start to its certain end.
#pragma once

#include "core/gate.hpp"
#include "system.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

struct Completion {
  DWORD error = ERROR_SUCCESS;  // as GetLastError()
  DWORD bytes = 0;
  bool has_more = false;                  // of a message, for the next read
  Interruption why = Interruption::none;  // set when the call was ended and nothing was moved
  bool has_begun = true;                  // else nothing can have been moved
};

/// An operation that tells `event` alone when it is complete. A handle may belong to a completion port of somebody
/// else, who would get a packet with the address of this OVERLAPPED: the lowest bit of the event prevents that (the
/// documentation of GetQueuedCompletionStatus).
OVERLAPPED operation_telling(HANDLE event) noexcept;

/// Cancels `operation` and waits until the system has let go of it. It may have completed meanwhile; the completion
/// tells. Its event, which others may set as well, is cleared.
void cancel_and_wait(HANDLE file, OVERLAPPED& operation) noexcept;

/// Whether `operation` has ended, and how.
bool has_completed(HANDLE file, OVERLAPPED& operation, Completion& completion) noexcept;

/// Waits for a started operation, or until the call ends: then it is cancelled, and nothing is in use any more.
Completion finish(HANDLE file, OVERLAPPED& operation, Call& call) noexcept;

/// Performs `start(&overlapped)`, which is ReadFile or WriteFile. No event is made and nothing waited for when it
/// completes at once.
template <class Start>
Completion perform(HANDLE file, Call& call, Start start) noexcept {
  const HANDLE event = NativeWaker::current().event();
  if (event == nullptr) return {ERROR_NO_SYSTEM_RESOURCES};
  OVERLAPPED operation = operation_telling(event);
  if (!start(&operation)) {
    const DWORD error = ::GetLastError();
    // ERROR_MORE_DATA: part of a message; the rest comes with the next read.
    if (error != ERROR_IO_PENDING && error != ERROR_MORE_DATA) return {error};
  }
  return finish(file, operation, call);
}

/// Has a thread run `body(context, completion)`, and cancels that thread's I/O when the call ends.
Completion run_on_helper_thread(Call& call, void (*body)(void* context, Completion& completion),
                                void* context) noexcept;

/// Performs `body(completion)`, a system call that knows neither OVERLAPPED nor time, so that it ends with the call.
template <class Body>
Completion perform_on_helper_thread(Call& call, Body body) noexcept {
  return run_on_helper_thread(
      call, [](void* context, Completion& completion) { (*static_cast<Body*>(context))(completion); }, &body);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
