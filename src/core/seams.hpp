// Seams, by which the tests reach what users cannot: they make a system call fail, and see that a call waits. They
// exist where the tests compile the library's sources with LOCALSOCKET_TEST_SEAMS. The shipped library has none of it.
#pragma once

#include <localsocket/platform.hpp>

namespace localsocket::inline LOCALSOCKET_ABI::detail::seams {

/// What a thread does: it enters a call and leaves it; in between it may wait where a waker wakes it, so that whatever
/// ends the call is seen from then on.
enum class Step { enters, waits, goes_on, leaves };

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::seams

#if defined(LOCALSOCKET_TEST_SEAMS)

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace localsocket::inline LOCALSOCKET_ABI::detail::seams {

/// What goes wrong with one system call.
struct Fault {
  enum class Kind {
    fails,        ///< the call is not made, and seems to have failed
    fails_after,  ///< the call is made, and seems to have failed all the same
    moves_one,    ///< the call is made for one byte only
  };
  Kind kind = Kind::fails;
  std::intptr_t result = -1;  ///< what the call seems to return
  int error = 0;              ///< what errno or GetLastError() is then
};

/// Asked before each system call, on the thread that makes it, whether a fault is to happen, and which.
inline std::atomic<bool (*)(const char* name, Fault& fault) noexcept> injector{nullptr};

/// Told what the calling thread does.
inline std::atomic<void (*)(Step step) noexcept> observer{nullptr};

inline void tell(Step step) noexcept {
  if (const auto observe = observer.load()) observe(step);
}

// A size is this type on each system: size_t of recv and send, DWORD of ReadFile and WriteFile.
template <class Argument>
void shorten(Argument& argument) noexcept {
  if constexpr (std::is_same_v<Argument, unsigned long>) {
    argument = std::min(argument, 1UL);
  } else if constexpr (requires { argument->msg_iov; }) {
    auto* const parts = argument->msg_iov;
    auto* const first =
        std::find_if(parts, parts + argument->msg_iovlen, [](const auto& part) { return part.iov_len != 0; });
    first->iov_len = 1;
    auto& message = const_cast<std::remove_cvref_t<decltype(*argument)>&>(*argument);  // the caller's, and not const
    message.msg_iov = first;
    message.msg_iovlen = 1;
  }
}

template <auto set_error, class Function, class... Arguments>
auto call(const char* name, Function function, Arguments... arguments) noexcept {
  using Result = decltype(function(arguments...));
  const auto inject = injector.load();
  Fault fault;
  if (inject == nullptr || !inject(name, fault)) return function(arguments...);
  if (fault.kind == Fault::Kind::moves_one) {
    (shorten(arguments), ...);
    return function(arguments...);
  }
  if (fault.kind == Fault::Kind::fails_after) function(arguments...);
  set_error(fault.error);
  if constexpr (std::is_pointer_v<Result>) {
    return reinterpret_cast<Result>(fault.result);
  } else {
    return static_cast<Result>(fault.result);
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::seams

#else

namespace localsocket::inline LOCALSOCKET_ABI::detail::seams {

inline void tell(Step /*step*/) noexcept {}

template <auto set_error, class Function, class... Arguments>
inline auto call(const char* /*name*/, Function function, Arguments... arguments) noexcept {
  return function(arguments...);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::seams

#endif
