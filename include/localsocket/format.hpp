// fmt over this library: formatters, and print() to a stream. The one public header that needs fmt.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/error.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <fmt/format.h>
#include <fmt/os.h>  // formatter<std::error_code> up to fmt 9
#if FMT_VERSION >= 100000
#include <fmt/std.h>  // and from fmt 10 on
#endif

#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

/// The address as it was given: `fmt::print("listening at {}\n", address)`; takes the options of a string.
template <>
struct fmt::formatter<localsocket::LocalAddress> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const localsocket::LocalAddress& address, Context& context) const {
    return fmt::formatter<std::string_view>::format(address.text(), context);
  }
};

/// As operator<< prints it: `pid 4711, uid 1000, gid 1000`.
template <>
struct fmt::formatter<localsocket::PeerIdentity> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const localsocket::PeerIdentity& peer, Context& context) const {
    std::ostringstream text;
    text << peer;
    return fmt::formatter<std::string_view>::format(text.str(), context);
  }
};

/// What the condition says: `nobody is listening`. A std::error_code is formatted by fmt itself, as `category:value`.
template <>
struct fmt::formatter<localsocket::Errc> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(localsocket::Errc condition, Context& context) const {
    return fmt::formatter<std::string_view>::format(make_error_condition(condition).message(), context);
  }
};

#if LOCALSOCKET_HAS_EXCEPTIONS

namespace localsocket::inline LOCALSOCKET_ABI {

/// Writes all of the formatted text to the stream, as write_all does; throws what write_all throws.
///
///     print(stream, "{} of {} bytes\n", done, total);
template <class... Arguments>
void print(LocalStream& stream, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
  stream.write_all(text);
}

/// The same within a Wait: `print({2s, stop}, stream, …)`.
template <class... Arguments>
void print(const Wait& wait, LocalStream& stream, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
  stream.write_all(text, wait);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI

#endif
