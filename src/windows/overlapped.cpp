#include "overlapped.hpp"

#include <atomic>
#include <cstdint>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {
namespace {

constexpr std::uintptr_t no_packet = 1;

HANDLE event_of(const OVERLAPPED& operation) noexcept {
  return reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(operation.hEvent) & ~no_packet);
}

}  // namespace

OVERLAPPED operation_telling(HANDLE event) noexcept {
  OVERLAPPED operation{};
  operation.hEvent = reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(event) | no_packet);
  return operation;
}

bool has_completed(HANDLE file, OVERLAPPED& operation, Completion& completion) noexcept {
  if (::GetOverlappedResult(file, &operation, &completion.bytes, FALSE)) {
    completion.error = ERROR_SUCCESS;
    return true;
  }
  completion.error = ::GetLastError();
  completion.has_more = completion.error == ERROR_MORE_DATA;
  if (completion.has_more) completion.error = ERROR_SUCCESS;
  return completion.error != ERROR_IO_INCOMPLETE;
}

void cancel_and_wait(HANDLE file, OVERLAPPED& operation) noexcept {
  // It may fail with ERROR_NOT_FOUND: complete already. Whatever it says, the operation is over only when it is
  // complete: until then the system writes to the buffer and to the OVERLAPPED.
  sys("CancelIoEx", ::CancelIoEx, file, &operation);
  Completion ignored;
  for (;;) {
    // Before each look: an event that others set too, and that stays set, would have this spin.
    sys("ResetEvent", ::ResetEvent, event_of(operation));
    if (has_completed(file, operation, ignored)) return;
    wait_for_any(event_of(operation), nullptr, Clock::duration::max());
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

namespace {

struct HelperThread {
  void (*body)(void* context, Completion& completion);
  void* context;
  NativeWaker& waker;
  Completion completion{};
  std::atomic<bool> is_done{false};

  static DWORD WINAPI run(void* context) noexcept {
    HelperThread& self = *static_cast<HelperThread*>(context);
    NativeWaker& waker = self.waker;
    self.body(self.context, self.completion);
    self.is_done = true;  // `self` may be gone from here on
    waker.wake();
    return 0;
  }
};

}  // namespace

Completion run_on_helper_thread(Call& call, void (*body)(void* context, Completion& completion),
                                void* context) noexcept {
  constexpr std::chrono::milliseconds retry{1};
  const Waiter waiter(call);
  HelperThread helper{body, context, waiter.waker()};
  const Handle thread(sys("CreateThread", ::CreateThread, LPSECURITY_ATTRIBUTES{nullptr}, SIZE_T{0}, &HelperThread::run,
                          static_cast<void*>(&helper), DWORD{0}, LPDWORD{nullptr}));
  if (!thread.is_open()) return {::GetLastError()};
  Interruption why = Interruption::none;
  while (!helper.is_done) {
    if (why == Interruption::none) why = call.refused();
    if (why != Interruption::none) {
      // Again and again: it fails while the thread has not begun its call.
      sys("CancelSynchronousIo", ::CancelSynchronousIo, thread.get());
    }
    waiter.waker().wait(why == Interruption::none ? call.remaining() : retry);
  }
  wait_for_any(thread.get(), nullptr, Clock::duration::max());  // it still uses the waker
  if (helper.completion.error == ERROR_OPERATION_ABORTED) {
    helper.completion.why = why == Interruption::none ? Interruption::canceled : why;
  }
  return helper.completion;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
