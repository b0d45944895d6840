// How an error is made: a native code, and the operation that gives it its meaning.
//
// One code can mean two things: ENOENT is "nobody is listening" to a connect and a missing directory to a bind. So
// there is an error category for each operation, for the codes that mean something else to it, and one category for
// all others: the same failure of a read and of a write compares equal. All of them share the platform's table of
// (operation, code, condition).
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/error.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

enum class Operation { bind, connect, accept, read, write, other };

/// An error with a native code.
std::error_code native_error(Operation operation, int code) noexcept;

/// An error of the library's own finding, with the native code that says the same.
std::error_code error(Operation operation, std::errc condition) noexcept;
std::error_code error(Operation operation, Errc condition) noexcept;

/// For an error_code that is no error yet, at no cost: the constructor without arguments is a call into the C++
/// library.
extern const std::error_category& any_category;

/// Throws the std::system_error whose what() is `connect to "echo" (/run/user/1/echo.sock): nobody is listening (…)`.
[[noreturn]] void raise(const std::error_code& ec, std::string_view action, const LocalAddress& address);

/// The throwing form of a call that takes an error_code. `address` is one, or a function that is asked for it only when
/// this throws.
template <class Address, class Function>
auto or_raise(std::string_view action, const Address& address, Function&& function) {
  std::error_code ec(0, any_category);
  const auto check = [&] {
    if (!ec) [[likely]] {
      return;
    }
    if constexpr (std::invocable<const Address&>) {
      raise(ec, action, address());
    } else {
      raise(ec, action, address);
    }
  };
  if constexpr (std::is_void_v<decltype(function(ec))>) {
    function(ec);
    check();
  } else {
    auto result = function(ec);
    check();
    return result;
  }
}

// What a backend provides (src/<backend>/error.cpp).

/// Whether `code` means something to `operation` that it does not mean to all others.
bool has_own_meaning(Operation operation, int code) noexcept;
/// What `code` means to `operation`.
std::error_condition native_condition(Operation operation, int code) noexcept;
/// The system's own code for a condition of an operation; 0 where it has none.
int native_code(Operation operation, const std::error_condition& condition) noexcept;
/// The system's own text for a code, in UTF-8.
std::string native_message(int code);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
