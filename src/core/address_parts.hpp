// What is in a LocalAddress, for those who give it to the system.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>

#include "never_destroyed.hpp"

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

enum class AddressForm { user_name, machine_name, path, abstract_name };

inline Trust default_trust(AddressForm form) noexcept {
  switch (form) {
    case AddressForm::user_name:
      return Trust::same_user;
    case AddressForm::machine_name:
      return Trust::privileged;
    case AddressForm::path:
    case AddressForm::abstract_name:
      break;
  }
  return Trust::anyone;
}

/// One thing that the system can be given for an address. Only a user's name may have several.
struct NativeAddress {
  std::string text;
  bool is_usable = true;  ///< as it was when the address was made; what was not is looked at again when it is used
};

struct AddressParts {
  std::string text;
  AddressForm form;
  std::vector<NativeAddress> natives;  // the best first; none if there is an error
  std::error_code error;
};

struct AddressAccess {
  static const AddressParts& parts(const LocalAddress& valid) noexcept { return *valid.parts_; }
  /// Has native() name that one from now on: the one that was used.
  static void choose(LocalAddress& valid, std::size_t native) noexcept { valid.chosen_ = native; }
};

/// The address of what has none.
inline constinit const NeverDestroyed<LocalAddress> unnamed;

/// Whom a client trusts to listen at that address.
inline Trust trust_of(const LocalAddress& valid, const ConnectOptions& options) {
  return options.trust.value_or(default_trust(AddressAccess::parts(valid).form));
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
