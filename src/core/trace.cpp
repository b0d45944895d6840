#include "trace.hpp"

#include "errors.hpp"

#include <mutex>
#include <utility>

namespace localsocket {

#if defined(LOCALSOCKET_NO_TRACE)

bool set_trace_hook(TraceHook) { return false; }

#else

namespace detail {

std::atomic<bool> trace_is_on{false};

namespace {
std::mutex hook_mutex;
TraceHook hook;
}  // namespace

void report_system_call(std::string_view name, std::string_view arguments, std::string_view result,
                        int error) noexcept {
  const std::lock_guard lock(hook_mutex);
  if (!hook) return;  // taken away since the caller looked
  SystemCall call{name, arguments, result, error, native_thread_id(), {}};
  const std::string failure = error == 0 ? "" : fmt::format(" ({}, {})", native_message(error), error);
  const std::string text = fmt::format("[{}] {}({}) = {}{}", call.thread, name, arguments, result, failure);
  call.text = text;
  hook(call);
}

}  // namespace detail

bool set_trace_hook(TraceHook next) {
  const std::lock_guard lock(detail::hook_mutex);
  detail::hook = std::move(next);
  detail::trace_is_on.store(static_cast<bool>(detail::hook), std::memory_order_relaxed);
  return true;
}

#endif

}  // namespace localsocket
