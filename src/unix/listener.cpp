#include "listener.hpp"

#include "runtime_directory.hpp"
#include "system.hpp"
#include "wait.hpp"

#include "backend.hpp"

namespace localsocket::detail {

std::error_code check_options(const LocalAddress& address, const ListenOptions& options) {
  const bool is_abstract = address.native().front() == '\0';
  if (options.posix.mode.value_or(0) > 0777) return error(Operation::bind, std::errc::invalid_argument);
  // An abstract name cannot be renamed, replaced or protected.
  const bool can = !is_abstract || (options.direction == Direction::duplex && options.existing != Existing::replace &&
                                    !options.posix.mode);
  return can ? std::error_code() : error(Operation::bind, std::errc::operation_not_supported);
}

namespace unix_backend {

Listener::Listener(Listener&& other) noexcept { *this = std::move(other); }

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    close();
    socket_ = other.socket_.exchange(-1);
    file_ = std::move(other.file_);
    buffer_size_ = other.buffer_size_;
  }
  return *this;
}

Listener Listener::bind(const LocalAddress& address, const ListenOptions& options, std::error_code& ec) {
  const std::string& native = address.native();
  if (ec = make_runtime_directory(native); ec) return {};
  Listener listener(open_socket(SOCK_STREAM, ec).release());
  if (ec) return {};
  listener.buffer_size_ = options.buffer_size;
  if (native.front() != '\0') {
    listener.file_ = SocketFile::bind(listener.handle(), native, options, ec);
  } else {
    const SocketAddress to(native);
    if (sys("bind", ::bind, listener.handle(), to.get(), to.size) != 0 ||
        sys("listen", ::listen, listener.handle(), queue_length(options)) != 0) {
      ec = last_error(Operation::bind);
    }
  }
  if (!ec && !listener.make_accept_interruptible()) ec = last_error(Operation::bind);
  if (ec) {
    listener.withdraw();
    return {};
  }
  return listener;
}

Listener Listener::adopt(NativeHandle handle, const LocalAddress&, std::error_code& ec) {
  ec = check_socket(handle, true);
  if (ec) return {};
  Listener listener(handle);
  if (!listener.make_accept_interruptible()) {
    ec = last_error(Operation::other);
    listener.socket_ = -1;  // still the caller's
  }
  return listener;
}

// Where accept keeps to SO_RCVTIMEO it may block for a bounded block; elsewhere it must not block at all.
bool Listener::make_accept_interruptible() noexcept {
  return accept_has_timeout ? set_socket_timeout(handle(), SO_RCVTIMEO, bounded_block) : set_blocking(handle(), false);
}

Stream Listener::accept(Call& call, std::error_code& ec) {
  const int listening = handle();
  bool may_block = accept_has_timeout && call.may_block_for(bounded_block);
  for (;;) {
    if (!may_block && !wait_until_ready(listening, POLLIN, Operation::accept, call, ec)) return {};
    Descriptor client = accept_socket(listening);
    if (client.is_open()) {
      if (buffer_size_) {
        const int size = static_cast<int>(*buffer_size_);
        // Advice: what the system allows is what there is.
        sys("setsockopt", ::setsockopt, client.get(), SOL_SOCKET, SO_SNDBUF, &size, socklen_t{sizeof size});
      }
      return Stream(client.release());
    }
    const int error_number = errno;
    // Linux takes the descriptor before it looks for a client: without one to spare, first wait for somebody to refuse.
    const bool is_premature = may_block && (error_number == EMFILE || error_number == ENFILE);
    // EAGAIN: nobody came within the bounded block, or another thread was faster. ECONNABORTED: the client left
    // (accept(2)).
    const bool goes_on = would_block(error_number) || error_number == EINTR || error_number == ECONNABORTED;
    if (!goes_on && !is_premature) {
      ec = native_error(Operation::accept, error_number);
      return {};
    }
    may_block = error_number == EINTR && may_block && call.may_block_for(bounded_block);
    if (const Interruption why = call.ended(); why != Interruption::none) {
      ec = error(Operation::accept, why);
      return {};
    }
  }
}

void Listener::withdraw() noexcept { file_.remove(); }

void Listener::close() noexcept { const Descriptor closing(socket_.exchange(-1)); }

NativeHandle Listener::release() noexcept {
  file_.disown();
  const int socket = socket_.exchange(-1);
  if (accept_has_timeout) {
    set_socket_timeout(socket, SO_RCVTIMEO, {});
  } else {
    set_blocking(socket, true);
  }
  return socket;
}

}  // namespace unix_backend
}  // namespace localsocket::detail
