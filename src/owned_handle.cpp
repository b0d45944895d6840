#include <localsocket/owned_handle.hpp>

#include "backend.hpp"

namespace localsocket::inline LOCALSOCKET_ABI {

void OwnedHandle::close() noexcept {
  if (is_open()) detail::close_handle(release());
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
