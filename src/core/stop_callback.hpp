// Whether a waiting call may be told of a stop by a callback.
#pragma once

#include <localsocket/stop_token.hpp>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

// libstdc++ without a futex (mingw) can lose the wake-up of std::atomic::wait, and ~stop_callback of std waits by it
// while the callback runs on another thread: it may never return. There a waiting call has no callback and looks at its
// stop token now and then.
#if LOCALSOCKET_STD_STOP_TOKEN && defined(__GLIBCXX__) && !defined(_GLIBCXX_HAVE_PLATFORM_WAIT)
inline constexpr bool has_stop_callback = false;
#else
inline constexpr bool has_stop_callback = true;
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
