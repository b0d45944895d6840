// The Unix backend: what the portable code calls a stream and a listener here. (waker.hpp names the waker.)
#pragma once

#include "listener.hpp"
#include "stream.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using NativeStream = unix_backend::Stream;
using NativeListener = unix_backend::Listener;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
