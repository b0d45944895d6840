#include "acceptor.hpp"

namespace localsocket::detail {

NativeStream Acceptor::accept_within(const Wait& wait, std::error_code& ec) {
  Call call(accepting(), wait);
  Interruption why = call.begin();
  if (why == Interruption::none) why = limit_->acquire(call);
  if (why != Interruption::none) {
    ec = error(Operation::accept, why);
    return {};
  }
  NativeStream stream = native_.accept(call, ec);
  if (ec) limit_->release();
  return stream;
}

std::shared_ptr<Connection> Acceptor::accept(const Wait& wait, std::error_code& ec) {
  ec.clear();
  NativeStream stream = accept_within(wait, ec);
  close_if_idle();
  if (ec) return nullptr;
  auto connection = make_connection(std::move(stream), address_, LocalAddress());
  connection->restrict(direction_ != Direction::server_to_client, direction_ != Direction::client_to_server);
  if (limit_->is_limited()) connection->hold(std::make_shared<ConnectionPermit>(limit_));
  return connection;
}

// As with a Connection: who is last, close() or an accept, closes.
void Acceptor::close_if_idle() noexcept {
  if (accepting().is_closed() && accepting().is_idle()) native_.close();
}

void Acceptor::close() noexcept {
  if (is_open()) native_.withdraw();
  accepting().close();
  close_if_idle();
}

NativeHandle Acceptor::release() noexcept {
  accepting().close();
  return native_.release();
}

}  // namespace localsocket::detail
