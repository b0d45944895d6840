#include <localsocket/error.hpp>

#include "errors.hpp"

#include "never_destroyed.hpp"

#include <fmt/format.h>

#include <array>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

struct Words {
  std::error_condition condition;
  std::string_view text;
  std::string_view advice = {};  // of those that somebody who begins meets
};

Words words_of(const std::error_condition& condition) noexcept {
  static const std::array rows{
      Words{Errc::invalid_address, "the address is malformed", "a name is of letters, digits, '.', '_' and '-'"},
      Words{Errc::closed, "it is closed on this side"},
      Words{Errc::end_of_stream, "the stream ended"},
      Words{Errc::message_too_large, "the message is longer than the limit"},
      Words{Errc::malformed_message, "not a well-formed message"},
      Words{std::errc::filename_too_long, "the address is too long"},
      Words{std::errc::address_in_use, "the address is in use", "`localsocket peer` tells who has it"},
      Words{std::errc::permission_denied, "access refused",
            "see the directory's modes, and whom the listener admits (Access)"},
      Words{std::errc::connection_refused, "nobody is listening", "start its listener first"},
      Words{std::errc::timed_out, "timed out"},
      Words{std::errc::operation_would_block, "it would have to wait"},
      Words{std::errc::operation_canceled, "canceled"},
      Words{std::errc::broken_pipe, "the peer is gone"},
      Words{std::errc::too_many_files_open, "too many open files or handles"},
      Words{std::errc::operation_not_supported, "not supported here"},
      Words{std::errc::invalid_argument, "an argument is out of range"},
      Words{std::errc::no_such_file_or_directory, "the directory does not exist", "make it, or bind a plain name"},
      Words{std::errc::read_only_file_system, "the directory is read-only"},
      Words{std::errc::no_space_on_device, "no space is left for the address"},
      Words{std::errc::wrong_protocol_type, "another kind of socket is there"},
      Words{std::errc::not_enough_memory, "the system has no memory left"},
      Words{std::errc::io_error, "the system failed to read or write"},
  };
  for (const Words& row : rows) {
    if (row.condition == condition) return row;
  }
  return {condition, {}};
}

std::string with_advice(std::string text, const Words& words) {
  return words.advice.empty() ? text : fmt::format("{}; {}", text, words.advice);
}

class OwnCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "localsocket"; }
  std::string message(int value) const override {
    const Words words = words_of(static_cast<Errc>(value));
    return words.text.empty() ? fmt::format("unknown condition {}", value)
                              : with_advice(std::string(words.text), words);
  }
};

constinit detail::NeverDestroyed<OwnCategory> own_category;

class NativeCategory final : public std::error_category {
 public:
  constexpr explicit NativeCategory(detail::Operation operation) noexcept : operation_(operation) {}
  const char* name() const noexcept override { return "localsocket.native"; }
  std::string message(int code) const override {
    const Words words = words_of(default_error_condition(code));
    const std::string native = detail::native_message(code);
    if (words.text.empty()) return fmt::format("{} ({})", native, code);
    return with_advice(fmt::format("{} ({}, {})", words.text, native, code), words);
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    return detail::native_condition(operation_, code);
  }

 private:
  detail::Operation operation_;
};

// In the order of Operation.
struct NativeCategories {
  NativeCategory of[6]{NativeCategory(detail::Operation::bind),   NativeCategory(detail::Operation::connect),
                       NativeCategory(detail::Operation::accept), NativeCategory(detail::Operation::read),
                       NativeCategory(detail::Operation::write),  NativeCategory(detail::Operation::other)};
};

constinit detail::NeverDestroyed<NativeCategories> native_categories;

}  // namespace

const std::error_category& category() noexcept { return own_category.value; }

std::error_condition make_error_condition(Errc condition) noexcept { return {static_cast<int>(condition), category()}; }

std::error_code make_error_code(Errc condition) noexcept { return {static_cast<int>(condition), category()}; }

bool is_temporary(const std::error_code& ec) noexcept {
  return ec == std::errc::timed_out || ec == std::errc::operation_would_block || ec == std::errc::too_many_files_open;
}

namespace detail {

const std::error_category& any_category = own_category.value;

std::error_code native_error(Operation operation, int code) noexcept {
  if (!has_own_meaning(operation, code)) operation = Operation::other;
  return {code, native_categories.value.of[static_cast<std::size_t>(operation)]};
}

std::error_code error(Operation operation, std::errc condition) noexcept {
  const int code = native_code(operation, condition);
  return code != 0 ? native_error(operation, code) : std::make_error_code(condition);
}

std::error_code error(Operation operation, Errc condition) noexcept {
  const int code = native_code(operation, condition);
  return code != 0 ? native_error(operation, code) : make_error_code(condition);
}

void raise(const std::error_code& ec, std::string_view action, const LocalAddress& address) {
  std::string what(action);
  if (!address.text().empty()) {
    what += fmt::format(" \"{}\"", address.text());
    // An abstract name begins with a NUL, which ends a what(); its text says the same.
    const bool printable = address.native().find('\0') == std::string::npos;
    if (printable && !address.is_unnamed() && address.native() != address.text())
      what += fmt::format(" ({})", address.native());
  }
  throw std::system_error(ec, what);
}

}  // namespace detail
}  // namespace localsocket::inline LOCALSOCKET_ABI
