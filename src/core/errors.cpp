#include <localsocket/error.hpp>

#include "errors.hpp"

#include "never_destroyed.hpp"

#include <fmt/format.h>

#include <array>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

std::string_view text_of(const std::error_condition& condition) noexcept {
  struct Row {
    std::error_condition condition;
    std::string_view text;
  };
  static const std::array rows{
      Row{Errc::invalid_address, "the address is malformed"},
      Row{Errc::closed, "it is closed on this side"},
      Row{Errc::end_of_stream, "the stream ended"},
      Row{Errc::message_too_large, "the message is longer than the limit"},
      Row{Errc::malformed_message, "not a well-formed message"},
      Row{std::errc::filename_too_long, "the address is too long"},
      Row{std::errc::address_in_use, "the address is in use"},
      Row{std::errc::permission_denied, "access refused"},
      Row{std::errc::connection_refused, "nobody is listening"},
      Row{std::errc::timed_out, "timed out"},
      Row{std::errc::operation_would_block, "it would have to wait"},
      Row{std::errc::operation_canceled, "canceled"},
      Row{std::errc::broken_pipe, "the peer is gone"},
      Row{std::errc::too_many_files_open, "too many open files or handles"},
      Row{std::errc::operation_not_supported, "not supported here"},
      Row{std::errc::invalid_argument, "an argument is out of range"},
      Row{std::errc::no_such_file_or_directory, "the directory does not exist"},
      Row{std::errc::read_only_file_system, "the directory is read-only"},
      Row{std::errc::no_space_on_device, "no space is left for the address"},
      Row{std::errc::wrong_protocol_type, "another kind of socket is there"},
      Row{std::errc::not_enough_memory, "the system has no memory left"},
      Row{std::errc::io_error, "the system failed to read or write"},
  };
  for (const Row& row : rows) {
    if (row.condition == condition) return row.text;
  }
  return {};
}

class OwnCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "localsocket"; }
  std::string message(int value) const override {
    const std::string_view text = text_of(static_cast<Errc>(value));
    return text.empty() ? fmt::format("unknown condition {}", value) : std::string(text);
  }
};

constinit detail::NeverDestroyed<OwnCategory> own_category;

class NativeCategory final : public std::error_category {
 public:
  constexpr explicit NativeCategory(detail::Operation operation) noexcept : operation_(operation) {}
  const char* name() const noexcept override { return "localsocket.native"; }
  std::string message(int code) const override {
    const std::string_view text = text_of(default_error_condition(code));
    const std::string native = detail::native_message(code);
    return text.empty() ? fmt::format("{} ({})", native, code) : fmt::format("{} ({}, {})", text, native, code);
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
