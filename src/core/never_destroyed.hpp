// What the library keeps for as long as the process lives.
#pragma once

#include <localsocket/platform.hpp>

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// Holds a static object whose destructor never runs: the destructors of other static objects, and threads that still
/// run while the process exits, may use it.
template <class T>
union NeverDestroyed {
  template <class... Arguments>
  constexpr explicit NeverDestroyed(Arguments&&... arguments) : value(std::forward<Arguments>(arguments)...) {}
  NeverDestroyed(const NeverDestroyed&) = delete;
  NeverDestroyed& operator=(const NeverDestroyed&) = delete;
  constexpr ~NeverDestroyed() {}  // deleted then

  T value;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
