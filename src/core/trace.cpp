#include "trace.hpp"

#include "errors.hpp"
#include "never_destroyed.hpp"

#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

#if defined(LOCALSOCKET_NO_TRACE)

bool set_trace_hook(TraceHook) { return false; }

#else

namespace detail {

std::atomic<bool> trace_is_on{false};

namespace {

NeverDestroyed<std::mutex> hook_mutex;
TraceHook* hook = nullptr;  // with the mutex held; one that is set at exit is never destroyed

std::string words_of(const SystemCall& call) {
  const std::string failure = call.error == 0 ? "" : fmt::format(" ({}, {})", native_message(call.error), call.error);
  return fmt::format("[{}] {}({}) = {}{}", call.thread, call.name, call.arguments, call.result, failure);
}

/// What LOCALSOCKET_TRACE asks for, before main.
bool start_from_environment() {
  const std::string target = trace_target();
  if (target.empty()) return false;
  std::FILE* const file = target == "stderr" ? stderr : std::fopen(target.c_str(), "a");
  if (file == nullptr) {
    std::fprintf(stderr, "localsocket: LOCALSOCKET_TRACE names a file that cannot be opened: %s\n", target.c_str());
    return false;
  }
  return set_trace_hook([file](const SystemCall& call) {
    std::fprintf(file, "%.*s\n", static_cast<int>(call.text.size()), call.text.data());
    std::fflush(file);  // a program that is being searched for a fault may not end well
  });
}

[[maybe_unused]] const bool is_traced_from_the_start = start_from_environment();

}  // namespace

void free_trace_in_child() noexcept { new (&hook_mutex.value) std::mutex; }

void report_system_call(std::string_view name, std::string_view arguments, std::string_view result,
                        int error) noexcept {
  const std::lock_guard lock(hook_mutex.value);
  if (hook == nullptr) return;  // taken away since the caller looked
  SystemCall call{name, arguments, result, error, native_thread_id(), {}};
  std::string text;
  try {
    text = words_of(call);
  } catch (const std::bad_alloc&) {
    // The parts are told all the same.
  }
  call.text = text.empty() ? name : std::string_view(text);
  (*hook)(call);
}

}  // namespace detail

bool set_trace_hook(TraceHook next) {
  std::unique_ptr<TraceHook> replaced;  // destroyed without the mutex: what the hook holds may be anything
  std::unique_ptr<TraceHook> set = next ? std::make_unique<TraceHook>(std::move(next)) : nullptr;
  const std::lock_guard lock(detail::hook_mutex.value);
  replaced.reset(std::exchange(detail::hook, set.release()));
  detail::trace_is_on.store(detail::hook != nullptr, std::memory_order_relaxed);
  return true;
}

#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI
