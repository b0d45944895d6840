// The Windows backend: what the portable code calls a stream and a listener here. (waker.hpp names the waker.)
#pragma once

#include "listener.hpp"
#include "stream.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using NativeStream = windows_backend::Stream;
using NativeListener = windows_backend::Listener;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
