#include "start_lock.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

StartLock::StartLock(const LocalAddress& address, std::error_code& ec)
    : maker_(to_wide(address.native() + ".start"), {}, ec) {}

bool StartLock::try_lock(std::error_code& ec) noexcept {
  pipe_ = maker_.make(true, ec);
  if (ec == std::errc::address_in_use) ec.clear();
  return pipe_.is_open();
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
