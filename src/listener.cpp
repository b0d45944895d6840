#include <localsocket/listener.hpp>

#include "connection/acceptor.hpp"
#include "core/address_parts.hpp"

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

using detail::Operation;

std::error_code check(const LocalAddress& address, const ListenOptions& options) {
  if (const std::error_code malformed = address.error()) return malformed;
  constexpr std::size_t largest_buffer = std::size_t{1} << 30;
  const unsigned backlog = options.backlog.value_or(1);
  const bool valid = backlog >= 1 && backlog <= 4096 && options.max_connections != 0U && options.buffer_size != 0U &&
                     options.buffer_size.value_or(1) <= largest_buffer &&
                     !(options.type == Type::packets && options.windows.half_close);  // an empty one is no end
  if (!valid) return detail::error(Operation::bind, std::errc::invalid_argument);
  // A user's name is in a directory of that user alone, where nobody else gets to a socket.
  const bool is_for_others = options.access == Access::everyone || !options.group.empty();
  if (is_for_others && detail::AddressAccess::parts(address).form == detail::AddressForm::user_name) {
    return detail::error(Operation::bind, std::errc::invalid_argument);
  }
  return detail::check_options(address, options);
}

}  // namespace

LocalListener::LocalListener() noexcept = default;
LocalListener::LocalListener(LocalListener&& other) noexcept = default;
LocalListener::~LocalListener() = default;

LocalListener& LocalListener::operator=(LocalListener&& other) noexcept {
  if (this != &other) acceptor_ = std::exchange(other.acceptor_, nullptr);
  return *this;
}

LocalListener::LocalListener(std::shared_ptr<detail::Acceptor> acceptor) noexcept : acceptor_(std::move(acceptor)) {}

LocalListener LocalListener::bind(const LocalAddress& address, const ListenOptions& options, std::error_code& ec) {
  ec = check(address, options);
  if (ec) return {};
  auto acceptor = std::make_shared<detail::Acceptor>(address, options);
  LocalAddress bound = address;
  acceptor->open(detail::NativeListener::bind(bound, options, ec), bound);
  return ec ? LocalListener() : LocalListener(std::move(acceptor));
}

LocalListener LocalListener::bind(const LocalAddress& address, const ListenOptions& options) {
  return detail::or_raise("bind", address, [&](std::error_code& ec) { return bind(address, options, ec); });
}

LocalStream LocalListener::accept(const Wait& wait, std::error_code& ec) {
  if (!acceptor_) {
    ec = detail::error(Operation::accept, Errc::closed);
    return {};
  }
  return LocalStream(acceptor_->accept(wait, ec));
}

LocalStream LocalListener::accept(const Wait& wait) {
  return detail::or_raise("accept at", local_address(), [&](std::error_code& ec) { return accept(wait, ec); });
}

LocalStream LocalListener::next_incoming(const Wait& wait) {
  if (!acceptor_) return {};
  std::error_code ec;
  LocalStream stream(acceptor_->accept_once_there_are_handles(wait, ec));
  // A time-out that is not the Wait's own comes from set_accept_deadline(), and is an error as for accept.
  const bool has_timed_out = wait.is_limited() && ec == std::errc::timed_out;
  const bool ends_the_loop = ec == Errc::closed || ec == std::errc::operation_canceled || has_timed_out;
  if (ec && !ends_the_loop) detail::raise(ec, "accept at", local_address());
  return stream;
}

bool LocalListener::still_owns_address(std::error_code& ec) const {
  ec.clear();
  return acceptor_ && acceptor_->owns_address(ec);
}

bool LocalListener::still_owns_address() const {
  return detail::or_raise("look at", local_address(), [&](std::error_code& ec) { return still_owns_address(ec); });
}

void LocalListener::set_accept_deadline(std::optional<Wait::Clock::time_point> deadline) {
  if (acceptor_) acceptor_->accepting().set_deadline(deadline);
}

void LocalListener::close() noexcept {
  if (acceptor_) acceptor_->close();
}

bool LocalListener::is_open() const noexcept { return acceptor_ && acceptor_->is_open(); }

const LocalAddress& LocalListener::local_address() const noexcept {
  return acceptor_ ? acceptor_->address() : detail::unnamed.value;
}

NativeHandle LocalListener::native_handle() const noexcept { return acceptor_ ? acceptor_->handle() : invalid_handle; }

NativeHandle LocalListener::release() noexcept { return acceptor_ ? acceptor_->release() : invalid_handle; }

LocalListener LocalListener::adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec) {
  ec = address.error();
  if (ec) return {};
  auto acceptor = std::make_shared<detail::Acceptor>(address, ListenOptions());
  acceptor->open(detail::NativeListener::adopt(handle, address, ec), address);
  return ec ? LocalListener() : LocalListener(std::move(acceptor));
}

LocalListener LocalListener::adopt(NativeHandle handle, const LocalAddress& address) {
  return detail::or_raise("adopt a listener at", address,
                          [&](std::error_code& ec) { return adopt(handle, address, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
