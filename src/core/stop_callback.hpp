// How a waiting call is told of a stop.
#pragma once

#include <localsocket/stop_token.hpp>

#include <type_traits>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

// libstdc++ without a futex (mingw) can lose the wake-up of std::atomic::wait, and ~stop_callback of std waits by it
// while the callback runs on another thread: it may never return. There a waiting call has no callback and looks at its
// stop token now and then.
#if LOCALSOCKET_STD_STOP_TOKEN && defined(__GLIBCXX__) && !defined(_GLIBCXX_HAVE_PLATFORM_WAIT)
inline constexpr bool has_stop_callback = false;
#else
inline constexpr bool has_stop_callback = true;
#endif

struct NoStopCallback {
  template <class Callback>
  NoStopCallback(const stop_token& /*token*/, Callback&& /*callback*/) noexcept {}
};

/// Calls what it is given when the token is told to stop, as long as it lives; never without has_stop_callback.
template <class Callback>
using OnStop = std::conditional_t<has_stop_callback, stop_callback<Callback>, NoStopCallback>;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
