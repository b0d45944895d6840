// Keeps other processes from starting a server for an address.
#pragma once

#include "pipe.hpp"
#include "system.hpp"

#include <localsocket/address.hpp>

#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

/// A pipe that nobody uses: its name goes away with the process that has made it.
class StartLock {
 public:
  StartLock(const LocalAddress& address, std::error_code& ec);

  bool try_lock(std::error_code& ec) noexcept;

 private:
  PipeMaker maker_;
  Handle pipe_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
