#include <localsocket/address.hpp>

#include "backend.hpp"

#include <array>
#include <ostream>
#include <random>

namespace localsocket {

struct LocalAddress::Parts {
  std::string text;
  std::string native;
};

namespace {

using ToNative = std::string (*)(std::string_view, std::error_code&);

constexpr std::size_t longest_name = 100;

bool is_name_character(char c) noexcept {
  // Not isalnum: that depends on the locale.
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
}

std::string name_to_native(std::string_view name, std::error_code& ec) {
  bool valid = !name.empty() && name.front() != '.' && name.front() != '-';
  for (const char c : name) valid = valid && is_name_character(c);
  if (!valid) {
    ec = detail::error(detail::Operation::other, Errc::invalid_address);
  } else if (name.size() > longest_name) {
    ec = detail::error(detail::Operation::other, std::errc::filename_too_long);
  }
  return ec ? std::string() : detail::native_name(name, ec);
}

// Both platforms end a string at a NUL: an address with one inside would name something else.
template <ToNative to_native>
std::string without_nul(std::string_view text, std::error_code& ec) {
  if (!text.empty() && text.find('\0') == std::string_view::npos) return to_native(text, ec);
  ec = detail::error(detail::Operation::other, Errc::invalid_address);
  return {};
}

ToNative form_of(std::string_view text) noexcept {
  if (text.find_first_of("/\\") != std::string_view::npos) return without_nul<detail::native_path>;
  if (text.starts_with('@')) return without_nul<detail::native_abstract>;
  return name_to_native;
}

const std::string& empty() noexcept {
  static const std::string none;
  return none;
}

std::string random_digits() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;  // the system's generator on every platform we support
  std::string result;
  for (int word = 0; word < 4; ++word) {
    auto bits = random();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4) result += digits[bits & 15];
  }
  return result;
}

}  // namespace

LocalAddress LocalAddress::make(std::string_view text, ToNative to_native, std::error_code& ec) {
  ec.clear();
  std::string native = to_native(text, ec);
  if (ec) return {};
  return LocalAddress(std::make_shared<const Parts>(Parts{std::string(text), std::move(native)}));
}

LocalAddress LocalAddress::from_text(std::string_view text) {
  std::error_code ec;
  LocalAddress address = parse(text, ec);
  if (ec) throw std::system_error(ec, "address \"" + std::string(text) + '"');
  return address;
}

LocalAddress LocalAddress::parse(std::string_view text, std::error_code& ec) { return make(text, form_of(text), ec); }

LocalAddress LocalAddress::named(std::string_view name, std::error_code& ec) { return make(name, name_to_native, ec); }

LocalAddress LocalAddress::path(std::string_view native_path, std::error_code& ec) {
  return make(native_path, without_nul<detail::native_path>, ec);
}

LocalAddress LocalAddress::unique(std::string_view prefix, std::error_code& ec) {
  return named(std::string(prefix) + '-' + random_digits(), ec);
}

LocalAddress LocalAddress::named(std::string_view name) {
  std::error_code ec;
  LocalAddress address = named(name, ec);
  if (ec) throw std::system_error(ec, "address named \"" + std::string(name) + '"');
  return address;
}

LocalAddress LocalAddress::path(std::string_view native_path) {
  std::error_code ec;
  LocalAddress address = path(native_path, ec);
  if (ec) throw std::system_error(ec, "address path \"" + std::string(native_path) + '"');
  return address;
}

LocalAddress LocalAddress::unique(std::string_view prefix) {
  std::error_code ec;
  LocalAddress address = unique(prefix, ec);
  if (ec) throw std::system_error(ec, "unique address \"" + std::string(prefix) + '"');
  return address;
}

const std::string& LocalAddress::text() const noexcept { return parts_ ? parts_->text : empty(); }

const std::string& LocalAddress::native() const noexcept { return parts_ ? parts_->native : empty(); }

std::ostream& operator<<(std::ostream& out, const LocalAddress& address) { return out << address.text(); }

}  // namespace localsocket
