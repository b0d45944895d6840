#include "acceptor.hpp"

#include <algorithm>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::shared_ptr<Connection> Acceptor::accept_one(Call& call, std::error_code& ec) {
  Interruption why = call.begin();
  // What allocates memory comes first, so that neither a permit nor a client is lost when there is none.
  auto connection = std::make_shared<Connection>(address_, LocalAddress());
  connection->restrict(direction_ != Direction::server_to_client, direction_ != Direction::client_to_server);
  if (why == Interruption::none && limit_->is_limited()) {
    auto permit = std::make_shared<ConnectionPermit>(limit_);
    why = permit->acquire(call);
    connection->hold(std::move(permit));
  }
  if (why == Interruption::none) {
    connection->open(native_.accept(call, ec));
  } else {
    ec = error(Operation::accept, why);
  }
  note_lack_of_handles(ec);
  return ec ? nullptr : connection;
}

void Acceptor::note_lack_of_handles(const std::error_code& ec) noexcept {
  const bool lacks = ec && ec == std::errc::too_many_files_open;
  if (lacks_handles_.load(std::memory_order_relaxed) != lacks) lacks_handles_ = lacks;
  if (lacks) accepting().tell_observers();
}

std::shared_ptr<Connection> Acceptor::accept(const Wait& wait, std::error_code& ec) {
  ec.clear();
  std::shared_ptr<Connection> connection;
  {
    Call call(accepting(), wait);
    connection = accept_one(call, ec);
  }
  close_if_idle();
  return connection;
}

std::shared_ptr<Connection> Acceptor::accept_once_there_are_handles(const Wait& wait, std::error_code& ec) {
  constexpr std::chrono::milliseconds longest{100};
  std::chrono::milliseconds interval{1};
  std::shared_ptr<Connection> connection;
  {
    Call call(accepting(), wait);
    for (ec.clear(); !connection && !ec; interval = std::min(interval * 2, longest)) {
      connection = accept_one(call, ec);
      if (ec != std::errc::too_many_files_open) break;
      ec = error(Operation::accept, call.refused());
      if (!ec) pause(call, interval);
    }
  }
  close_if_idle();
  return connection;
}

bool Acceptor::owns_address(std::error_code& ec) {
  ec.clear();
  bool owns = false;
  {
    const Entry entry(accepting());
    if (is_open()) owns = native_.owns_address(ec);
  }
  close_if_idle();
  return owns && is_open();
}

// As with a Connection: who is last, close() or an accept, closes.
void Acceptor::close_if_idle() noexcept {
  if (accepting().is_closed() && accepting().is_idle()) native_.close();
}

// While wait sets are told, and let go of the handle, it stays open.
void Acceptor::mark_closed() noexcept {
  const Entry keeps_it_open(accepting());
  accepting().close();
}

void Acceptor::close() noexcept {
  if (is_open()) native_.withdraw();
  mark_closed();
  close_if_idle();
}

NativeHandle Acceptor::release() noexcept {
  mark_closed();
  return native_.release();
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
