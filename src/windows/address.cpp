#include "account.hpp"
#include "pipe.hpp"
#include "system.hpp"

#include "backend.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

// "The entire pipe name string can be up to 256 characters long" (CreateNamedPipeW).
constexpr std::size_t longest_name = 256;

/// `\\host\pipe\name`. The name may have backslashes: `ProtectedPrefix\Administrators\…` is in use. Case counts for
/// nothing.
bool is_pipe_path(std::wstring_view path) noexcept {
  if (!path.starts_with(L"\\\\")) return false;
  path.remove_prefix(2);
  const std::size_t host = path.find(L'\\');
  if (host == 0 || host == std::wstring_view::npos) return false;
  constexpr std::wstring_view middle = L"\\pipe\\";
  const std::wstring_view rest = path.substr(host);
  return rest.size() > middle.size() && rest.find(L'/') == std::wstring_view::npos &&
         ::CompareStringOrdinal(rest.data(), static_cast<int>(middle.size()), middle.data(),
                                static_cast<int>(middle.size()), TRUE) == CSTR_EQUAL;
}

// Checked as it was given: the pipe's own prefix and the user's SID fit 256 characters with every valid name.
std::string native_path(std::string_view path, std::error_code& ec) {
  const std::wstring wide = windows_backend::to_wide(path);
  if (!is_pipe_path(wide)) {
    ec = error(Operation::other, Errc::invalid_address);
  } else if (wide.size() > longest_name) {
    ec = error(Operation::other, std::errc::filename_too_long);
  }
  return std::string(path);
}

}  // namespace

std::vector<NativeAddress> native_addresses(AddressForm form, std::string_view rest, std::error_code& ec) {
  std::vector<NativeAddress> natives(1);
  std::string& native = natives.front().text;
  switch (form) {
    case AddressForm::user_name:
      native = fmt::format("{}{}.{}", windows_backend::local_prefix, rest, windows_backend::current_user(ec));
      break;
    case AddressForm::machine_name:
      native = fmt::format("{}{}", windows_backend::local_prefix, rest);
      break;
    case AddressForm::path:
      native = native_path(rest, ec);
      break;
    case AddressForm::abstract_name:
      ec = error(Operation::other, Errc::invalid_address);  // Linux has abstract names
      break;
  }
  return natives;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
