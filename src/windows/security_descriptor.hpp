// Who may do what with a pipe, in the text that Windows makes a security descriptor from.
#pragma once

#include <localsocket/options.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

/// The mandatory level of most programs; SECURITY_MANDATORY_MEDIUM_RID.
inline constexpr std::uint32_t medium_integrity = 0x2000;

/// All that a descriptor depends on.
struct DescriptorInputs {
  Access access = Access::current_user;
  std::string_view group = {};  ///< a SID, or nothing
  std::string_view user = {};   ///< the process's own
  std::uint32_t integrity = medium_integrity;
  bool is_administrator = false;  ///< the process has the rights of the group of administrators now
};

std::string descriptor_text(const DescriptorInputs& inputs);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
