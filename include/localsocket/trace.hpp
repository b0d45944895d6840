// The trace hook: every system call of the library, as it returns.
#pragma once

#include <localsocket/platform.hpp>

#include <cstdint>
#include <functional>
#include <string_view>

namespace localsocket::inline LOCALSOCKET_ABI {

/// One system call that has returned. The views are valid during the hook only.
struct SystemCall {
  std::string_view name;       ///< `recv`, `ReadFile`
  std::string_view arguments;  ///< `5, 0x7ffd3a40, 64, 0x40`
  std::string_view result;     ///< `12`, or `-1`
  int error = 0;               ///< errno or GetLastError() when it failed, else 0
  std::uint64_t thread = 0;    ///< the system's id of the calling thread, as a debugger shows it
  std::string_view text;  ///< all of it: `[4711] recv(5, 0x7ffd3a40, 64, 0x40) = -1 (Connection reset by peer, 104)`
};

using TraceHook = std::function<void(const SystemCall&)>;

/// Sends every system call to `hook` from now on; an empty hook ends it. From any thread.
///
/// The hook runs on the thread that made the call, one call at a time, with errno or GetLastError() kept. It must not
/// throw nor call this library. When set_trace_hook() returns, the hook before is no longer running.
/// Without memory for the words, `text` is the name of the call.
/// A hook that is still set when the process exits stays set: destructors of static objects may still use the library.
///
/// Without a line of code, the environment variable LOCALSOCKET_TRACE set to `stderr` or to the name of a file (its
/// lines are appended) traces a program from its start until a hook is set. Programs that run with more rights than
/// their caller has, as set-uid ones, do not look at it.
///
/// Off costs one predictable branch a system call. A library built with `-Dtrace=false` has no hook: this returns
/// false.
LOCALSOCKET_EXPORT bool set_trace_hook(TraceHook hook);

}  // namespace localsocket::inline LOCALSOCKET_ABI
