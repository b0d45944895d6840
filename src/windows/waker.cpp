#include "waker.hpp"

#include "system.hpp"

#include <algorithm>
#include <cstddef>
#include <new>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

// Not thread_local: MinGW frees a thread's variables before it destroys them (GCC bug 80816), and the destructor would
// close whatever handle it then finds there. The system's own storage calls back when the thread exits (the
// documentation of FlsAlloc).
struct Waker::OfThread {
  static void WINAPI destroy(void* waker) noexcept { delete static_cast<Waker*>(waker); }

  static DWORD make_slot() noexcept {
    // The callback stays for as long as there are threads.
    HMODULE ours = nullptr;
    const DWORD for_good = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    ::GetModuleHandleExW(for_good, reinterpret_cast<LPCWSTR>(&destroy), &ours);
    return ::FlsAlloc(&destroy);
  }

  static Waker* make(DWORD slot) noexcept {
    auto* const waker = new (std::nothrow) Waker;
    if (waker != nullptr && waker->event_ != nullptr && ::FlsSetValue(slot, waker)) return waker;
    delete waker;
    return nullptr;
  }

  /// For as long as there are no resources for one of the thread's own. Nothing wakes it: who waits by it looks up by
  /// itself. Never destroyed: static objects may use the library in their destructors.
  static Waker& none() noexcept {
    alignas(Waker) static std::byte memory[sizeof(Waker)];
    static Waker& waker = *new (static_cast<void*>(memory)) Waker(nullptr);
    return waker;
  }
};

Waker& Waker::current() noexcept {
  static const DWORD slot = OfThread::make_slot();
  auto* waker = static_cast<Waker*>(::FlsGetValue(slot));
  if (waker == nullptr) waker = OfThread::make(slot);
  return waker != nullptr ? *waker : OfThread::none();
}

// Auto-reset: GetOverlappedResult may use it as long as it does not wait itself (its documentation), which we never ask
// for.
Waker::Waker() noexcept
    : Waker(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, FALSE, FALSE, LPCWSTR{nullptr})) {}

Waker::~Waker() { const Handle closing(event_); }

void Waker::wake() noexcept { sys("SetEvent", ::SetEvent, event_); }

void Waker::wait_also_for(void* object, std::chrono::steady_clock::duration time) noexcept {
  wait_for_any(object, event_, event_ != nullptr ? time : std::min<decltype(time)>(time, blind_wait));
}

void Waker::wait(std::chrono::steady_clock::duration time) noexcept { wait_for_any(event_, nullptr, time); }

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
