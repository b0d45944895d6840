// The Windows backend: what the portable code calls a stream, a listener, a poller and a lock here. (waker.hpp names
// the waker.)
#pragma once

#include "listener.hpp"
#include "poller.hpp"
#include "start_lock.hpp"
#include "stream.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using NativeStream = windows_backend::Stream;
using NativeListener = windows_backend::Listener;
using NativePoller = windows_backend::Poller;
using NativeStartLock = windows_backend::StartLock;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
