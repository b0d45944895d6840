// Users and groups, by their SIDs in text.
#pragma once

#include "system.hpp"

#include <cstdint>
#include <string>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

std::string text_of(PSID sid, std::error_code& ec);

std::string user_of(HANDLE token, std::error_code& ec);

/// The user that this process runs as, whomever a thread acts as.
std::string current_user(std::error_code& ec);

/// The mandatory level that this process runs at.
std::uint32_t own_integrity(std::error_code& ec);

/// Whether this process has the rights of the group of administrators now: an administrator's plain programs do not.
bool is_administrator() noexcept;

/// Of an account or a group by its name, or a SID as it is; invalid_argument if there is none. May ask a domain's
/// controller, and wait for it (LookupAccountName's documentation).
std::string sid_of_account(const std::string& name, Operation operation, std::error_code& ec);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
