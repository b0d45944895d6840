#include "acceptor.hpp"

namespace localsocket::detail {

std::shared_ptr<Connection> Acceptor::accept(const Wait& wait, std::error_code& ec) {
  ec.clear();
  NativeStream stream;
  {
    Call call(accepting_, wait);
    const Interruption why = call.begin();
    if (why == Interruption::none) {
      stream = native_.accept(call, ec);
    } else {
      ec = error(Operation::accept, why);
    }
  }
  close_if_idle();
  if (ec) return nullptr;
  return std::make_shared<Connection>(std::move(stream), address_, LocalAddress());
}

// As with a Connection: who is last, close() or an accept, closes.
void Acceptor::close_if_idle() noexcept {
  if (accepting_.is_closed() && accepting_.is_idle()) native_.close();
}

void Acceptor::close() noexcept {
  if (!accepting_.is_closed()) native_.withdraw();
  accepting_.close();
  close_if_idle();
}

NativeHandle Acceptor::release() noexcept {
  accepting_.close();
  return native_.release();
}

}  // namespace localsocket::detail
