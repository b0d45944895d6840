#include "stream.hpp"

#include "offer.hpp"
#include "peer.hpp"
#include "runtime_directory.hpp"
#include "system.hpp"
#include "wait.hpp"

#include "backend.hpp"

#include <algorithm>
#include <optional>

#include <sys/ioctl.h>
#include <sys/uio.h>
#if defined(__linux__)
#include <linux/sockios.h>
#endif

namespace localsocket::detail::unix_backend {
namespace {

// A send of more than the socket's buffer waits anew for each part that the kernel queues (48 KiB on Linux), with the
// whole socket time-out each. Two parts keep an interruption within 20 ms. 64 KiB saturate the socket; the rest is for
// a header.
constexpr std::size_t largest_send = (64 + 4) * 1024;

// How many buffers one system call takes from a list; the kernel's own limit is 1024 (IOV_MAX), on the stack this is 1
// KiB.
constexpr std::size_t most_buffers = 64;

/// How many bytes the peer has still to read, with the kernel's overhead; 0 is exact.
std::optional<std::size_t> unread_by_peer([[maybe_unused]] int socket, std::error_code& ec) noexcept {
#if defined(__linux__)
  int bytes = 0;
  if (control(socket, SIOCOUTQ, bytes) == 0) return static_cast<std::size_t>(bytes);
  ec = last_error(Operation::write);
#else
  ec = error(Operation::write, std::errc::operation_not_supported);
#endif
  return std::nullopt;
}

/// SO_ERROR, which is cleared by asking.
int take_socket_error(int socket) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  sys("getsockopt", ::getsockopt, socket, SOL_SOCKET, SO_ERROR, static_cast<void*>(&error), &size);
  return error;
}

/// Refuses a listener that is not what the options ask for.
void check_listener(int socket, const ConnectOptions& options, std::error_code& ec) noexcept {
  ec = check_offer(socket, options.direction);
  if (ec || options.trust != Trust::same_user) return;
  const PeerIdentity owner = peer_of(socket, ec);
  if (!ec && !is_current_user(owner)) ec = error(Operation::connect, std::errc::permission_denied);
}

struct Message {
  iovec parts[most_buffers];
  msghdr header{};

  template <class Byte>
  Message(const Buffers<Byte>& buffers, std::size_t limit) noexcept {
    std::size_t count = 0;
    buffers.for_each([&](std::span<Byte> span) {
      span = span.first(std::min(span.size(), limit));
      limit -= span.size();
      // sendmsg only reads through iov_base; C has no other type for it.
      parts[count++] = {const_cast<std::byte*>(span.data()), span.size()};
      return count < most_buffers && limit > 0;
    });
    header.msg_iov = static_cast<iovec*>(parts);
    header.msg_iovlen = static_cast<decltype(header.msg_iovlen)>(count);  // its type differs between systems
  }
};

// Apart from their callers, whose one buffer needs no list on the stack.
ssize_t receive_scattered(int socket, const ReadBuffers& to, int flags) noexcept {
  Message message(to, SIZE_MAX);
  return sys("recvmsg", ::recvmsg, socket, &message.header, flags);
}

ssize_t send_gathered(int socket, const WriteBuffers& from, int flags) noexcept {
  const Message message(from, largest_send);
  return sys("sendmsg", ::sendmsg, socket, &message.header, flags);
}

}  // namespace

// Both are known to this thread alone: no order is needed.
void Stream::take(Stream& other) noexcept {
  const auto copy = [](auto& to, const auto& from) {
    to.store(from.load(std::memory_order_relaxed), std::memory_order_relaxed);
  };
  copy(socket_, other.socket_);
  other.socket_.store(-1, std::memory_order_relaxed);
  copy(receive_bounded_, other.receive_bounded_);
  copy(send_bounded_, other.send_bounded_);
  copy(was_reset_, other.was_reset_);
  copy(is_duplicated_, other.is_duplicated_);
  copy(is_nonblocking_, other.is_nonblocking_);
}

void Stream::close() noexcept { const Descriptor closing(socket_.exchange(-1)); }

// Whether calls of one direction may block from now on, because they come back after a bounded block.
bool Stream::bound_blocking(Bounded& bounded, int timeout_option) noexcept {
  if (bounded.load(std::memory_order_relaxed)) return true;
  make_blocking();
  bounded = set_socket_timeout(socket(), timeout_option, bounded_block);
  return bounded;
}

// Where a socket that is nonblocking is not known to be: a read or write that meets it goes on in poll.
void Stream::make_blocking() const noexcept {
  if (is_nonblocking_.load(std::memory_order_relaxed) && is_nonblocking_.exchange(false)) set_blocking(socket(), true);
}

NativeHandle Stream::release() noexcept {
  make_blocking();
  const int socket = socket_.exchange(-1);
  if (is_duplicated_) return socket;  // the other one still waits by them
  if (receive_bounded_.exchange(false)) set_socket_timeout(socket, SO_RCVTIMEO, {});
  if (send_bounded_.exchange(false)) set_socket_timeout(socket, SO_SNDTIMEO, {});
  return socket;
}

Stream Stream::adopt(NativeHandle handle, std::error_code& ec) {
  ec = check_socket(handle, false);
  if (!ec && !prepare_socket(handle)) ec = last_error(Operation::other);
  return ec ? Stream() : Stream(handle);
}

std::pair<Stream, Stream> Stream::pair(std::error_code& ec) {
  auto [a, b] = open_socket_pair(ec);
  if (ec) return {};
  return {Stream(a.release()), Stream(b.release())};
}

// Linux: while the listener's backlog is full, connect waits as long as the send time-out and is woken when there is
// room; with O_NONBLOCK it is EAGAIN at once, and nothing tells when to try again (connect(2)). Nearly always there is
// room, and the first attempt needs no time-out to be set.
bool Stream::attempt(const LocalAddress& address) noexcept {
  const SocketAddress to(address.native());
  const auto try_once = [&] { return sys("connect", ::connect, socket(), to.get(), to.size) == 0; };
  return try_once() || (would_block(errno) && bound_blocking(send_bounded_, SO_SNDTIMEO) && try_once());
}

Stream Stream::connect(const LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  if (ec = check_runtime_directory(address.native()); ec) return {};
  Stream stream(open_socket(SOCK_STREAM | nonblocking_connect, ec).release());
  if (ec) return {};
  stream.is_nonblocking_.store(nonblocking_connect != 0, std::memory_order_relaxed);
  if (stream.attempt(address)) {
    check_listener(stream.socket(), options, ec);
  } else {
    // A signal came while it waited for room: as if there was none, so that the caller looks at the clock and tries
    // again.
    ec = errno == EINTR ? native_error(Operation::connect, EAGAIN) : last_error(Operation::connect);
  }
  if (ec) return {};
  return stream;
}

void Stream::await_capacity(const LocalAddress&, Call&, Clock::duration) noexcept {
  // connect has waited already, in the kernel, where it is woken.
}

struct Stream::Traffic {
  Operation operation;
  short event;
  int timeout_option;
};
constexpr Stream::Traffic Stream::reading{Operation::read, POLLIN, SO_RCVTIMEO};
constexpr Stream::Traffic Stream::writing{Operation::write, POLLOUT, SO_SNDTIMEO};

// Attempts `transfer(flags)` until it moves something or fails.
template <class Transfer>
std::size_t Stream::move(const Traffic& traffic, Bounded& bounded, Call& call, std::error_code& ec, Transfer transfer) {
  Attempt attempt{bounded.load(std::memory_order_relaxed) && call.may_block_for(bounded_block)};
  for (;;) {
    const ssize_t moved = transfer(socket(), attempt.may_block ? 0 : MSG_DONTWAIT);
    if (moved >= 0) [[likely]] {
      return static_cast<std::size_t>(moved);
    }
    if (!prepare_next(attempt, traffic, bounded, call, ec)) return 0;
  }
}

// After an attempt that failed with errno: whether there is another one, and how. It blocks in the call itself for a
// bounded_block first and then, when that was not enough, in poll with a waker; see bounded_block.
bool Stream::prepare_next(Attempt& attempt, const Traffic& traffic, Bounded& bounded, Call& call,
                          std::error_code& ec) noexcept {
  const int cause = errno;
  if (!would_block(cause) && cause != EINTR) {
    ec = native_error(traffic.operation, cause);
    return false;
  }
  const bool interrupted = cause == EINTR;
  if (const Interruption why = interrupted ? call.ended() : call.refused(); why != Interruption::none) {
    ec = error(traffic.operation, why);
    return false;
  }
  if (interrupted) {
    attempt.may_block = attempt.may_block && call.may_block_for(bounded_block);
    return true;
  }
  attempt.has_blocked = attempt.has_blocked || attempt.may_block;
  attempt.may_block =
      !attempt.has_blocked && call.may_block_for(bounded_block) && bound_blocking(bounded, traffic.timeout_option);
  return attempt.may_block || wait_until_ready(socket(), traffic.event, traffic.operation, call, ec);
}

std::size_t Stream::read(const ReadBuffers& to, Call& call, std::error_code& ec) {
  const std::size_t read = move(reading, receive_bounded_, call, ec, [&](int socket, int flags) {
    if (!to.is_single()) return receive_scattered(socket, to, flags);
    return sys("recv", ::recv, socket, static_cast<void*>(to.front().data()), to.front().size(), flags);
  });
  // The peer closed with bytes of ours unread: told after all of its own (Linux). Pipes cannot tell, so it is the plain
  // end.
  if (ec.value() == ECONNRESET) [[unlikely]] {
    was_reset_ = true;
    ec.clear();
  }
  return read;
}

std::size_t Stream::write(const WriteBuffers& from, Call& call, std::error_code& ec) {
  return move(writing, send_bounded_, call, ec, [&](int socket, int flags) {
    flags |= no_signal;
    if (!from.is_single()) return send_gathered(socket, from, flags);
    const std::size_t size = std::min(from.front().size(), largest_send);
    return sys("send", ::send, socket, static_cast<const void*>(from.front().data()), size, flags);
  });
}

void Stream::shutdown(Shutdown how, Call&, std::error_code& ec) noexcept {
  const int native = how == Shutdown::read ? SHUT_RD : how == Shutdown::write ? SHUT_WR : SHUT_RDWR;
  // ENOTCONN: the peer is gone, so both directions have ended (macOS).
  if (sys("shutdown", ::shutdown, socket(), native) != 0 && errno != ENOTCONN) ec = last_error(Operation::other);
}

// The kernel tells no one when a peer has read, so this looks again and again, sooner at first.
bool Stream::drain(Call& call, std::error_code& ec) noexcept {
  constexpr std::chrono::milliseconds longest{10};
  std::chrono::milliseconds interval{1};
  while (unread_by_peer(socket(), ec) != 0 && !ec) {
    if (const Interruption why = call.refused(); why != Interruption::none) {
      if (why != Interruption::timed_out) ec = error(Operation::write, why);
      return false;
    }
    pause(call, interval);
    interval = std::min(interval * 2, longest);
  }
  if (ec) return false;
  // A peer that has gone has nothing unread, because what it had was thrown away.
  if (was_reset_ || take_socket_error(socket()) == ECONNRESET) {
    was_reset_ = true;
    ec = native_error(Operation::write, ECONNRESET);
  }
  return !ec;
}

std::size_t Stream::available(std::error_code& ec) const noexcept {
  int bytes = 0;
  if (control(socket(), FIONREAD, bytes) != 0) ec = last_error(Operation::read);
  return static_cast<std::size_t>(bytes);
}

Stream Stream::duplicate(std::error_code& ec) const noexcept {
  make_blocking();  // both
  const auto duplicate = [](int fd, int command, int lowest) { return ::fcntl(fd, command, lowest); };
  Stream copy(sys("fcntl", duplicate, socket(), F_DUPFD_CLOEXEC, 0));
  if (copy.socket() == -1) {
    ec = last_error(Operation::other);
    return {};
  }
  is_duplicated_ = true;
  copy.is_duplicated_ = true;
  copy.receive_bounded_ = receive_bounded_.load();
  copy.send_bounded_ = send_bounded_.load();
  copy.was_reset_ = was_reset_.load();
  return copy;
}

PeerIdentity Stream::peer(std::error_code& ec) const noexcept { return peer_of(socket(), ec); }

// A child knows nothing of bounded blocks: release() takes the socket time-out off again.
NativeHandle Stream::connect_for_child(const LocalAddress& address, const ConnectOptions& options,
                                       std::error_code& ec) {
  return connect(address, options, ec).release();
}

std::size_t Stream::write_for_child(NativeHandle handle, std::span<const std::byte> bytes, Call& call,
                                    std::error_code& ec) {
  Stream stream(handle);
  const std::size_t written = stream.write(WriteBuffers(bytes), call, ec);
  static_cast<void>(stream.release());
  return written;
}

}  // namespace localsocket::detail::unix_backend
