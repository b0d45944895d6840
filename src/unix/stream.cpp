#include "stream.hpp"

#include "control_message.hpp"
#include "message.hpp"
#include "peer.hpp"
#include "process.hpp"
#include "runtime_directory.hpp"
#include "socket_directory.hpp"
#include "system.hpp"
#include "wait.hpp"

#include "backend.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>

#include <sys/ioctl.h>
#if defined(__linux__)
#include <linux/sockios.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

// A send of more than the socket's buffer waits anew for each part that the kernel queues (48 KiB on Linux), with the
// whole socket time-out each. Two parts keep an interruption within 20 ms. 64 KiB saturate the socket; the rest is for
// a header.
constexpr std::size_t largest_send = (64 + 4) * 1024;

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

// What ends a record that is sent. Linux has no other ends.
#if defined(__linux__)
constexpr int end_of_record = 0;
#else
constexpr int end_of_record = MSG_EOR;
#endif

/// Whether a receive that took no control message has met a message, which may be empty, or the end.
bool is_message(const msghdr& received) noexcept {
#if defined(__linux__)
  return (received.msg_flags & MSG_CTRUNC) != 0;  // the credentials that tell_empty_messages() asked for
#else
  return (received.msg_flags & MSG_EOR) != 0;
#endif
}

/// The size of the message of which a receive that asked for MSG_TRUNC has told `told`.
std::size_t size_of_message([[maybe_unused]] int socket, [[maybe_unused]] const msghdr& received,
                            std::size_t told) noexcept {
#if !defined(__linux__)
  // There it tells what it has moved; what follows the message is counted in.
  int bytes = 0;
  if ((received.msg_flags & MSG_TRUNC) != 0 && control(socket, FIONREAD, bytes) == 0) {
    return std::max(told + 1, static_cast<std::size_t>(bytes));
  }
#endif
  return told;
}

// Apart from their callers, whose one buffer needs no list on the stack.
ssize_t receive_scattered(int socket, const ReadBuffers& to, int flags) noexcept {
  Parts parts(to);
  msghdr message = parts.message();
  return sys("recvmsg", ::recvmsg, socket, &message, flags);
}

ssize_t send_gathered(int socket, const WriteBuffers& from, int flags) noexcept {
  Parts parts(from, largest_send);
  const msghdr message = parts.message();
  return sys("sendmsg", ::sendmsg, socket, &message, flags);
}

}  // namespace

bool BlockingBound::set(int socket, int option) noexcept {
  if (is_relied_on()) return true;
  if (!set_socket_timeout(socket, option, bounded_block)) return false;
  is_set_in_ = process_generation();
  relied_on_in_ = process_generation();
  return true;
}

void BlockingBound::take_off(int socket, int option) noexcept {
  if (is_set_in_.exchange(0) == process_generation()) set_socket_timeout(socket, option, timeval{});
}

// Both are known to this thread alone: no order is needed.
void Stream::take(Stream& other) noexcept {
  const auto copy = [](auto& to, const auto& from) {
    to.store(from.load(std::memory_order_relaxed), std::memory_order_relaxed);
  };
  copy(socket_, other.socket_);
  other.socket_.store(-1, std::memory_order_relaxed);
  receive_bound_.take(other.receive_bound_);
  send_bound_.take(other.send_bound_);
  copy(was_reset_, other.was_reset_);
  copy(is_shared_, other.is_shared_);
  copy(is_given_, other.is_given_);
  copy(is_nonblocking_, other.is_nonblocking_);
  copy(found_nonblocking_, other.found_nonblocking_);
  has_packets_ = other.has_packets_;
  is_adopted_ = other.is_adopted_;
  maker_ = other.maker_;
}

void Stream::close() noexcept {
  make_as_found();
  const Descriptor closing(socket_.exchange(-1));
}

// Whether calls of one direction may block from now on, because they come back after a bounded block. A socket that
// others use too gets no time-out: they would meet it.
bool Stream::bound_blocking(BlockingBound& bound, int timeout_option) noexcept {
  if (is_shared_ || maker_ != process_generation()) return false;
  make_blocking();
  if (!bound.set(socket(), timeout_option)) return false;
  if (!is_shared_) return true;
  bound.stop_relying();  // share() came in between; whoever called it takes the time-out off
  return false;
}

// Where a socket that is nonblocking is not known to be: a read or write that meets it goes on in poll.
void Stream::make_blocking() noexcept {
  if (is_nonblocking_.load(std::memory_order_relaxed) && is_nonblocking_.exchange(false)) set_blocking(socket(), true);
}

// From now on no call sets a time-out or begins to block by one. Who gets the handle expects what socket() gives, a
// socket that blocks, and of an adopted one finds another mode again when it is released or closed.
bool Stream::share() noexcept {
  if (is_given_.load(std::memory_order_relaxed) || is_given_.exchange(true)) return false;
  is_shared_ = true;
  receive_bound_.stop_relying();
  send_bound_.stop_relying();
  make_blocking();
  const bool is_to_change = is_adopted_ && (get_flags(socket()) & O_NONBLOCK) != 0;
  if (is_to_change && set_blocking(socket(), true)) found_nonblocking_ = true;
  return true;
}

void Stream::take_settings_off() noexcept {
  receive_bound_.take_off(socket(), SO_RCVTIMEO);
  send_bound_.take_off(socket(), SO_SNDTIMEO);
}

void Stream::make_as_found() noexcept {
  const bool is_changed = found_nonblocking_.load(std::memory_order_relaxed) && maker_ == process_generation();
  if (is_changed && socket() != -1) set_blocking(socket(), false);
}

NativeHandle Stream::release() noexcept {
  make_blocking();
  take_settings_off();
  make_as_found();
  return socket_.exchange(-1);
}

Stream Stream::adopt(NativeHandle handle, std::error_code& ec) {
  ec = check_socket(handle, false);
  if (ec) return {};
  const Type type = type_of_socket(handle);
  const bool is_prepared = prepare_socket(handle) && (type == Type::stream || tell_empty_messages(handle));
  if (!is_prepared) {
    ec = last_error(Operation::other);
    return {};
  }
  Stream stream(handle, type);
  stream.is_adopted_ = true;
  stream.is_shared_ = true;  // with whoever else has it
  return stream;
}

std::pair<Stream, Stream> Stream::pair(Type type, std::error_code& ec) {
  const int socket_type = socket_type_of(type, Operation::other, ec);
  if (ec) return {};
  auto [a, b] = open_socket_pair(socket_type, ec);
  if (ec) return {};
  if (type == Type::packets && !(tell_empty_messages(a.get()) && tell_empty_messages(b.get()))) {
    ec = last_error(Operation::other);
    return {};
  }
  return {Stream(a.release(), type), Stream(b.release(), type)};
}

// Linux: while the listener's backlog is full, connect waits as long as the send time-out and is woken when there is
// room; with O_NONBLOCK it is EAGAIN at once, and nothing tells when to try again (connect(2)). Nearly always there is
// room, and the first attempt needs no time-out to be set.
bool Stream::connect_to(const std::string& native) noexcept {
  const SocketAddress to(native);
  const auto try_once = [&] { return sys("connect", ::connect, socket(), to.get(), to.size) == 0; };
  if (try_once()) return true;
  if (!would_block(errno)) return false;
  if (bound_blocking(send_bound_, SO_SNDTIMEO)) return try_once();
  std::this_thread::sleep_for(bounded_block);  // it has not waited in the kernel, and is not to come back at once
  errno = EAGAIN;
  return false;
}

void Stream::meet(const NativeAddress& native, const SocketDirectory& directory, AddressForm form, const Trust& trust,
                  std::error_code& ec) {
  const Way way = directory.way_to(native.text, Operation::connect, ec);
  if (ec) return;
  bool is_by_path = !way.leads_through_proc();
  bool is_connected = connect_to(way.address);
  if (!is_connected && errno == ENOENT && !is_by_path && !has_proc()) {
    if (native.text.size() > longest_path) {
      ec = error(Operation::connect, std::errc::filename_too_long);
      return;
    }
    is_by_path = true;
    is_connected = connect_to(native.text);
  }
  if (!is_connected) {
    // A signal came while it waited for room: as if there was none, so that the caller looks at the clock and tries
    // again.
    ec = errno == EINTR ? native_error(Operation::connect, EAGAIN) : last_error(Operation::connect);
  } else if (is_by_path && !directory.is_still_named()) {
    ec = error(Operation::connect, std::errc::permission_denied);
  } else {
    Maker maker = Maker::anybody;
    if (form == AddressForm::user_name || form == AddressForm::machine_name) {
      maker = directory.is_fallback() ? Maker::ourselves : maker_of_name(native.text);
    }
    check_trust(socket(), trust, maker, native.text, ec);
    // Not sooner, or connect would give the socket a name of its own (unix(7), autobind).
    if (!ec && has_packets_ && !tell_empty_messages(socket())) ec = last_error(Operation::connect);
  }
}

// A user's name is looked for in each good directory: first in those that were good when the address was made, which
// costs nothing, and then in what has become good since.
Stream Stream::connect(LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  const AddressParts& parts = AddressAccess::parts(address);
  const Trust trust = trust_of(address, options);
  const int socket_type = socket_type_of(options.type, Operation::connect, ec);
  if (ec) return {};
  Stream stream(open_socket(socket_type | nonblocking_connect, ec).release(), options.type);
  if (ec) return {};
  stream.is_nonblocking_.store(nonblocking_connect != 0, std::memory_order_relaxed);
  std::error_code nobody;
  for (const bool was_usable : {true, false}) {
    for (std::size_t i = 0; i < parts.natives.size(); ++i) {
      const NativeAddress& native = parts.natives[i];
      if (native.is_usable != was_usable) continue;
      std::error_code unknown;
      if (!was_usable && !is_good_directory(directory_of(native.text), unknown)) continue;
      ec.clear();
      const SocketDirectory directory = SocketDirectory::of(native.text, Operation::connect, ec);
      if (ec && nobody) continue;  // what somebody has put into /tmp is in nobody's way
      if (!ec) stream.meet(native, directory, parts.form, trust, ec);
      if (!ec) {
        AddressAccess::choose(address, i);
        return stream;
      }
      if (ec != std::errc::connection_refused) return {};
      nobody = ec;
    }
  }
  ec = nobody;
  return {};
}

void Stream::await_capacity(const LocalAddress&, Call&, Clock::duration) noexcept {
  // connect has waited already, in the kernel, where it is woken.
}

struct Stream::Side {
  Traffic traffic;
  int timeout_option;
};
constexpr Stream::Side Stream::reading{{Operation::read, POLLIN}, SO_RCVTIMEO};
constexpr Stream::Side Stream::writing{{Operation::write, POLLOUT}, SO_SNDTIMEO};

// Calls `transfer(flags)` until it moves something or fails. It blocks in the call itself for a bounded block first and
// then, when that was not enough, in poll with a waker; see bounded_block.
template <class Transfer>
std::size_t Stream::move(const Side& side, BlockingBound& bound, Call& call, std::error_code& ec, Transfer transfer) {
  const bool may_block = bound.is_relied_on() && call.may_block_for(bounded_block);
  const ssize_t moved = transfer_within(
      call, socket(), side.traffic, may_block ? Attempt::blocking : Attempt::nonblocking, ec,
      [&] { return bound_blocking(bound, side.timeout_option); },
      [&](Attempt attempt) { return transfer(socket(), attempt == Attempt::blocking ? 0 : MSG_DONTWAIT); });
  return moved < 0 ? 0 : static_cast<std::size_t>(moved);
}

std::size_t Stream::read(const ReadBuffers& to, Call& call, std::error_code& ec) {
  const std::size_t read = move(reading, receive_bound_, call, ec, [&](int socket, int flags) {
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
  return move(writing, send_bound_, call, ec, [&](int socket, int flags) {
    flags |= no_signal;
    if (!from.is_single()) return send_gathered(socket, from, flags);
    const std::size_t size = std::min(from.front().size(), largest_send);
    return sys("send", ::send, socket, static_cast<const void*>(from.front().data()), size, flags);
  });
}

// Once the descriptors are ours nothing may fail: there is memory for them before.
std::size_t Stream::read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>& handles, Call& call,
                                      std::error_code& ec) {
  const std::size_t before = handles.size();
  handles.reserve(before + most_descriptors_of_a_message);
  Parts parts(to);
  ControlMessage control;
  msghdr message{};
  const std::size_t read = move(reading, receive_bound_, call, ec, [&](int socket, int flags) {
    message = parts.message();
    control.attach(message);
    return sys("recvmsg", ::recvmsg, socket, &message, flags | received_close_on_exec);
  });
  if (ec.value() == ECONNRESET) [[unlikely]] {
    was_reset_ = true;
    ec.clear();
  }
  if (ec || read == 0) return 0;
  for_each_descriptor(message, [&](int descriptor) { handles.emplace_back(descriptor); });
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    handles.resize(before);
    ec = error(Operation::read, Errc::malformed_message);
  }
  return read;
}

std::size_t Stream::write_with_handles(const WriteBuffers& from, std::span<const NativeHandle> handles, Call& call,
                                       std::error_code& ec) {
  Parts parts(from, largest_send);
  ControlMessage control;
  msghdr message = parts.message();
  if (!handles.empty()) control.put(message, handles);
  return move(writing, send_bound_, call, ec, [&](int socket, int flags) {
    return sys("sendmsg", ::sendmsg, socket, static_cast<const msghdr*>(&message), flags | no_signal);
  });
}

// A message is looked at first, and taken off the queue once there is memory for all of it. That the peer closed with
// messages of ours unread is told once, and before what it had sent (Linux; a stream tells it after that).
PacketPart Stream::receive_packet(std::span<std::byte> to, Call& call, std::error_code& ec) {
  iovec space{to.data(), to.size()};
  msghdr received{};
  const auto look = [&] {
    return move(reading, receive_bound_, call, ec, [&](int socket, int flags) {
      received = {};
      received.msg_iov = &space;
      received.msg_iovlen = 1;
      return sys("recvmsg", ::recvmsg, socket, &received, flags | MSG_PEEK | MSG_TRUNC);
    });
  };
  std::size_t told = look();
  if (ec.value() == ECONNRESET) [[unlikely]] {
    ec.clear();
    told = look();
  }
  if (ec) return {};
  if (!is_message(received)) return {.is_end = true};
  const std::size_t size = size_of_message(socket(), received, told);
  if (size > to.size()) return {.rest = size};
  if (!drop_message()) {
    ec = last_error(Operation::read);
    return {};
  }
  return {.taken = size};
}

/// Takes the next message off the queue; false, and why in errno.
bool Stream::drop_message() noexcept {
  const auto drop = [&] {
    return sys("recv", ::recv, socket(), static_cast<void*>(nullptr), std::size_t{0}, MSG_DONTWAIT);
  };
  const bool is_dropped = unless_interrupted(drop) >= 0;
  return is_dropped || (errno == ECONNRESET && unless_interrupted(drop) >= 0);
}

PacketFate Stream::send_packet(std::span<const std::byte> message, Call& call, std::error_code& ec) {
  move(writing, send_bound_, call, ec, [&](int socket, int flags) {
    return sys("send", ::send, socket, static_cast<const void*>(message.data()), message.size(),
               flags | no_signal | end_of_record);
  });
  // ENOBUFS: Linux takes no more than some 4 MiB at once, whatever the socket's buffer.
  const int cause = ec.value();
  if (cause == EMSGSIZE || (cause == ENOBUFS && message.size() > portable_packet_size)) {
    ec = error(Operation::write, Errc::message_too_large);
  }
  return ec ? PacketFate::unsent : PacketFate::sent;
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

// Linux hangs the socket up once the peer has closed, or both directions have ended (unix_poll() in
// net/unix/af_unix.c); elsewhere poll(2) says that too when the peer has only ended its writing, but a socket without a
// peer has lost its name.
bool Stream::is_peer_gone(std::error_code& ec) const noexcept {
#if defined(__linux__)
  pollfd polled{socket(), 0, 0};
  if (sys("poll", ::poll, &polled, nfds_t{1}, 0) < 0) ec = last_error(Operation::other);
  return (polled.revents & POLLHUP) != 0;
#else
  sockaddr_un peer{};
  socklen_t size = sizeof peer;
  if (sys("getpeername", ::getpeername, socket(), reinterpret_cast<sockaddr*>(&peer), &size) == 0) return false;
  if (errno != ENOTCONN && errno != EINVAL) ec = last_error(Operation::other);
  return !ec;
#endif
}

Stream Stream::duplicate(std::error_code& ec) const noexcept {
  const auto duplicate = [](int fd, int command, int lowest) { return ::fcntl(fd, command, lowest); };
  Stream copy(sys("fcntl", duplicate, socket(), F_DUPFD_CLOEXEC, 0), type());
  if (copy.socket() == -1) {
    ec = last_error(Operation::other);
    return {};
  }
  copy.is_shared_ = true;
  copy.was_reset_ = was_reset_.load();
  return copy;
}

PeerIdentity Stream::peer(std::error_code& ec) const noexcept { return peer_of(socket(), ec); }

ProcessOfPeer Stream::peer_process(std::error_code& ec) const noexcept { return process_of_peer(socket(), ec); }

// A child knows nothing of bounded blocks: release() takes the socket time-out off again.
NativeHandle Stream::connect_for_child(LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  return connect(address, options, ec).release();
}

std::size_t Stream::write_for_child(NativeHandle handle, const WriteBuffers& from, Call& call, std::error_code& ec) {
  Stream stream(handle);
  stream.is_shared_ = true;
  const std::size_t written = stream.write(from, call, ec);
  static_cast<void>(stream.release());
  return written;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
