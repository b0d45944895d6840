#include "start_lock.hpp"

#include "system.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

StartLock::StartLock(const LocalAddress& address, std::error_code& ec) {
  const AddressParts& parts = AddressAccess::parts(address);
  if (parts.form == AddressForm::abstract_name) {
    abstract_name_ = address.native() + ".start";
    if (abstract_name_.size() > longest_path) ec = error(Operation::connect, std::errc::filename_too_long);
    return;
  }
  targets_ = bind_targets_of(parts, ec);
  for (const BindTarget& target : targets_) names_.push_back(lock_path_of(target.path, "-start"));
  locks_.reserve(targets_.size());
}

bool StartLock::try_lock(std::error_code& ec) {
  if (!abstract_name_.empty()) return try_lock_abstract(ec);
  // Everybody takes them in the same order.
  for (std::size_t i = 0; i < targets_.size() && !ec; ++i) {
    locks_.push_back(std::make_unique<PathLock>(targets_[i].directory, names_[i], PathLock::at_once, ec));
  }
  if (!ec) return true;
  locks_.clear();
  if (ec == std::errc::address_in_use) ec.clear();
  return false;
}

bool StartLock::try_lock_abstract(std::error_code& ec) noexcept {
  const SocketAddress name(abstract_name_);
  const bool is_open = abstract_.open([&] { return open_socket(SOCK_STREAM, ec).release(); });
  if (!is_open) return false;
  if (sys("bind", ::bind, abstract_.get(), name.get(), name.size) == 0) return true;
  if (errno != EADDRINUSE) ec = last_error(Operation::bind);
  abstract_.close();
  return false;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
