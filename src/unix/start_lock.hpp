// Keeps other processes from starting a server for an address.
#pragma once

#include "bind_targets.hpp"
#include "fork.hpp"
#include "path_lock.hpp"

#include <localsocket/address.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

class StartLock {
 public:
  StartLock(const LocalAddress& address, std::error_code& ec);

  bool try_lock(std::error_code& ec);

 private:
  bool try_lock_abstract(std::error_code& ec) noexcept;

  // Of a user's name in each directory where it may be bound: whoever has another environment than this process has one
  // of them in common with it.
  std::vector<BindTarget> targets_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<PathLock>> locks_;
  // Of an abstract name, which has no directory: another name, bound for as long as this lives.
  std::string abstract_name_;
  UnsharedDescriptor abstract_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
