#include "overlapped.hpp"

namespace localsocket::detail::windows_room {

bool has_completed(HANDLE file, OVERLAPPED& operation, Completion& completion) noexcept {
  if (::GetOverlappedResult(file, &operation, &completion.bytes, FALSE)) {
    completion.error = ERROR_SUCCESS;
    return true;
  }
  completion.error = ::GetLastError();
  return completion.error != ERROR_IO_INCOMPLETE;
}

void cancel_and_wait(HANDLE file, OVERLAPPED& operation) noexcept {
  // It may fail with ERROR_NOT_FOUND: complete already. Whatever it says, the operation is over only when it is
  // complete: until then the system writes to the buffer and to the OVERLAPPED.
  sys("CancelIoEx", ::CancelIoEx, file, &operation);
  Completion ignored;
  while (!has_completed(file, operation, ignored)) {
    sys("WaitForSingleObject", ::WaitForSingleObject, operation.hEvent, DWORD{INFINITE});
  }
}

Completion finish(HANDLE file, OVERLAPPED& operation, Call& call) noexcept {
  Completion completion;
  if (has_completed(file, operation, completion)) return completion;
  const Waiter waiter(call);
  Interruption why = Interruption::none;
  while (!has_completed(file, operation, completion)) {
    why = call.refused();
    if (why != Interruption::none) {
      cancel_and_wait(file, operation);
    } else {
      waiter.waker().wait(call.remaining());
    }
  }
  // What was moved in spite of the interruption is not lost; the next call meets the interruption if it still stands.
  if (completion.error == ERROR_OPERATION_ABORTED) {
    completion.why = why == Interruption::none ? Interruption::canceled : why;
  }
  return completion;
}

}  // namespace localsocket::detail::windows_room
