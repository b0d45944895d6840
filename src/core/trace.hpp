// How a backend reports its system calls to the trace hook.
#pragma once

#include <localsocket/trace.hpp>

#include <fmt/format.h>

#include <atomic>
#include <string>
#include <string_view>
#include <type_traits>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

#if defined(LOCALSOCKET_NO_TRACE)
inline constexpr bool is_tracing() noexcept { return false; }
inline void free_trace_in_child() noexcept {}
#else
extern std::atomic<bool> trace_is_on;
inline bool is_tracing() noexcept { return trace_is_on.load(std::memory_order_relaxed); }
/// In a child that was just forked: a thread that it does not have may be in the hook.
void free_trace_in_child() noexcept;
#endif

void report_system_call(std::string_view name, std::string_view arguments, std::string_view result, int error) noexcept;

// What a backend provides (src/<backend>/system.cpp).

/// The calling thread's id as the system's tools show it.
std::uint64_t native_thread_id() noexcept;
/// What the environment variable LOCALSOCKET_TRACE says; empty where it is not set, or not to be trusted, because the
/// process has rights that whoever set it may not have.
std::string trace_target();

template <class Value>
std::string printed(const Value& value) {
  if constexpr (std::is_null_pointer_v<Value>) {
    return "null";
  } else if constexpr (std::is_pointer_v<Value> && std::is_function_v<std::remove_pointer_t<Value>>) {
    return "function";
  } else if constexpr (std::is_enum_v<Value>) {
    return fmt::format("{}", static_cast<std::underlying_type_t<Value>>(value));
  } else if constexpr (std::is_pointer_v<Value>) {
    return fmt::format("{}", static_cast<const void*>(value));
  } else {
    return fmt::format("{}", value);
  }
}

/// Formats and reports one call; `error` is 0 when it succeeded.
template <class Result, class... Arguments>
void trace(const char* name, int error, const Result& result, const Arguments&... arguments) noexcept {
  try {
    std::string list;
    ((list += list.empty() ? "" : ", ", list += printed(arguments)), ...);
    report_system_call(name, list, printed(result), error);
  } catch (const std::exception&) {
    report_system_call(name, "…", "?", error);  // no memory for the text: the call itself is still told
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
