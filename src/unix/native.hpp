// The Unix backend: what the portable code calls a stream, a listener and a lock here. (waker.hpp names the waker.)
#pragma once

#include "listener.hpp"
#include "start_lock.hpp"
#include "stream.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using NativeStream = unix_backend::Stream;
using NativeListener = unix_backend::Listener;
using NativeStartLock = unix_backend::StartLock;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
