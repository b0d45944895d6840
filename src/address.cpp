#include <localsocket/address.hpp>

#include "backend.hpp"
#include "core/address_parts.hpp"

#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace {

using detail::AddressForm;
using detail::AddressParts;
using Natives = std::vector<detail::NativeAddress>;

constexpr std::size_t longest_name = 100;

bool is_name_character(char c) noexcept {
  // Not isalnum: that depends on the locale.
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
}

std::error_code check_name(std::string_view name) {
  bool valid = !name.empty() && name.front() != '.' && name.front() != '-';
  for (const char c : name) valid = valid && is_name_character(c);
  if (!valid) return detail::error(detail::Operation::other, Errc::invalid_address);
  if (name.size() > longest_name) return detail::error(detail::Operation::other, std::errc::filename_too_long);
  return {};
}

// Both platforms end a string at a NUL: an address with one inside would name something else.
std::error_code check_bytes(std::string_view text) {
  const bool valid = !text.empty() && text.find('\0') == std::string_view::npos;
  return valid ? std::error_code() : detail::error(detail::Operation::other, Errc::invalid_address);
}

constexpr std::string_view machine_prefix = "machine:";

/// What the system is given for the part of a text that follows the prefix of its form.
Natives natives_of(AddressForm form, std::string_view rest, std::error_code& ec) {
  const bool is_name = form == AddressForm::user_name || form == AddressForm::machine_name;
  ec = is_name ? check_name(rest) : check_bytes(rest);
  Natives natives;
  if (!ec) natives = detail::native_addresses(form, rest, ec);
  if (ec) natives.clear();
  return natives;
}

std::shared_ptr<const AddressParts> make(std::string text, AddressForm form, std::string_view rest) {
  std::error_code ec;
  Natives natives = natives_of(form, rest, ec);
  return std::make_shared<const AddressParts>(AddressParts{std::move(text), form, std::move(natives), ec});
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

LocalAddress::LocalAddress(std::shared_ptr<const AddressParts> parts) noexcept : parts_(std::move(parts)) {
  const Natives& natives = parts_->natives;
  while (chosen_ + 1 < natives.size() && !natives[chosen_].is_usable) ++chosen_;
}

LocalAddress LocalAddress::from_text(std::string_view text) {
  if (text.find_first_of("/\\") != std::string_view::npos) return path(text);
  if (text.starts_with('@')) return LocalAddress(make(std::string(text), AddressForm::abstract_name, text.substr(1)));
  if (text.starts_with(machine_prefix)) return named(text.substr(machine_prefix.size()), Scope::machine);
  return named(text);
}

LocalAddress LocalAddress::from_path(std::u8string_view text) {
  return path(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()));
}

LocalAddress LocalAddress::named(std::string_view name, Scope scope) {
  if (scope == Scope::user) return LocalAddress(make(std::string(name), AddressForm::user_name, name));
  return LocalAddress(make(std::string(machine_prefix).append(name), AddressForm::machine_name, name));
}

LocalAddress LocalAddress::path(std::string_view native_path) {
  return LocalAddress(make(std::string(native_path), AddressForm::path, native_path));
}

LocalAddress LocalAddress::unique(std::string_view prefix) {
  return named(std::string(prefix) + '-' + random_digits());
}

std::error_code LocalAddress::error() const noexcept {
  return parts_ ? parts_->error : detail::error(detail::Operation::other, Errc::invalid_address);
}

const std::string& LocalAddress::text() const noexcept { return parts_ ? parts_->text : empty(); }

const std::string& LocalAddress::native() const noexcept {
  return parts_ && !parts_->natives.empty() ? parts_->natives[chosen_].text : empty();
}

std::ostream& operator<<(std::ostream& out, const LocalAddress& address) { return out << address.text(); }

}  // namespace localsocket::inline LOCALSOCKET_ABI
