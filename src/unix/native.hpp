// The Unix backend: what the portable code calls a stream, a listener, a poller and a lock here. (waker.hpp names the
// waker.)
#pragma once

#include "listener.hpp"
#include "poller.hpp"
#include "start_lock.hpp"
#include "stream.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using NativeStream = unix_backend::Stream;
using NativeListener = unix_backend::Listener;
using NativePoller = unix_backend::Poller;
using NativeStartLock = unix_backend::StartLock;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
