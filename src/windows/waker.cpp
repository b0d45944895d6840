#include "waker.hpp"

#include "system.hpp"

namespace localsocket::detail::windows_room {

Waker& Waker::current() noexcept {
  thread_local Waker waker;
  return waker;
}

// Auto-reset: GetOverlappedResult may use it as long as it does not wait itself (its documentation), which we never ask
// for.
Waker::Waker() noexcept
    : event_(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, FALSE, FALSE, LPCWSTR{nullptr})) {}

Waker::~Waker() { const Handle closing(event_); }

void Waker::wake() noexcept { sys("SetEvent", ::SetEvent, event_); }

void Waker::wait(std::chrono::steady_clock::duration time) noexcept {
  sys("WaitForSingleObject", ::WaitForSingleObject, event_, to_milliseconds(time));
}

}  // namespace localsocket::detail::windows_room
