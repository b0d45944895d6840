#include "connection.hpp"

#include <chrono>
#include <thread>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

namespace {

// What the end of a half's direction looks like to a call that was waiting is told as what it is: read_exact has a code
// for it, and read_some has none.
void tell_that_it_was_closed(Operation operation, std::size_t moved, std::error_code& ec) noexcept {
  const bool was_ended =
      operation == Operation::read ? (moved == 0 && !ec) || ec == Errc::end_of_stream : ec == std::errc::broken_pipe;
  if (was_ended) ec = error(operation, Errc::closed);
}

/// Runs `body(call)` in a call that knows no limit of the connection's, and may not wait.
template <class Body>
void without_waiting(Body body) {
  Gate unlimited;
  const Wait at_once(Clock::duration::zero());
  Call call(unlimited, at_once);
  body(call);
}

}  // namespace

// Runs `step()`, which moves bytes within a call.
template <class Step>
std::size_t Connection::step(Operation operation, const Gate& gate, std::error_code& ec, Step step) {
  const std::size_t moved = step();
  if (gate.is_closed()) [[unlikely]] {
    tell_that_it_was_closed(operation, moved, ec);
  }
  return moved;
}

// Enters the gate, runs `body(call)` unless the call has ended already, and leaves. The handle stays open while a call
// runs: close() only marks, and whoever is last, close() or a call, closes it.
template <class Body>
std::size_t Connection::run(Operation operation, Gate& gate, const Wait& wait, std::error_code& ec, Body body) {
  std::size_t moved = 0;
  {
    Call call(gate, wait);
    const Interruption why = refusal_of(Type::stream, call);
    if (why == Interruption::none) [[likely]] {
      moved = body(call);
    } else {
      ec = error(operation, why);
    }
  }
  leave(gate);
  return moved;
}

// For what does not wait, and so knows no deadline, time-out or mode: only the direction must be open.
template <class Step>
void Connection::run_at_once(Operation operation, Gate& gate, std::error_code& ec, Step step) {
  {
    const Entry entry(gate);
    if (gate.is_usable()) {
      step();
    } else {
      ec = error(operation, gate.is_closed() ? Interruption::closed : Interruption::unsupported);
    }
  }
  leave(gate);
}

// Repeats `move(bytes)` until all bytes are done, or one fails, ends the stream (0) or the call ends.
template <class Bytes, class Move>
std::size_t Connection::move_all(Operation operation, const Bytes& bytes, Call& call, std::error_code& ec, Move move) {
  if (bytes.empty()) return 0;
  const std::size_t first = move(bytes);
  const bool is_done = bytes.is_single() && first == bytes.front().size();
  if (is_done || first == 0) [[likely]] {
    return first;
  }
  Bytes rest = bytes;
  std::size_t total = 0;
  for (std::size_t moved = first; moved != 0; moved = move(rest)) {
    total += moved;
    rest.advance(moved);
    if (rest.empty()) break;
    if (const Interruption why = call.ended(); why != Interruption::none) {
      ec = error(operation, why);
      break;
    }
  }
  return total;
}

std::size_t Connection::read_some_within(const ReadBuffers& to, Call& call, std::error_code& ec) {
  return step(Operation::read, reading_, ec, [&] { return to.empty() ? 0 : native_.read(to, call, ec); });
}

std::size_t Connection::read_exact_within(const ReadBuffers& to, Call& call, std::error_code& ec) {
  return step(Operation::read, reading_, ec, [&] {
    return move_all(Operation::read, to, call, ec, [&](const ReadBuffers& rest) {
      const std::size_t moved = native_.read(rest, call, ec);
      if (moved == 0 && !ec) ec = error(Operation::read, Errc::end_of_stream);
      return moved;
    });
  });
}

std::size_t Connection::write_some_within(const WriteBuffers& from, Call& call, std::error_code& ec) {
  return step(Operation::write, writing_, ec, [&] { return from.empty() ? 0 : native_.write(from, call, ec); });
}

std::size_t Connection::write_all_within(const WriteBuffers& from, Call& call, std::error_code& ec) {
  return step(Operation::write, writing_, ec, [&] {
    return move_all(Operation::write, from, call, ec,
                    [&](const WriteBuffers& rest) { return native_.write(rest, call, ec); });
  });
}

std::size_t Connection::read_with_handles_within(const ReadBuffers& to, std::vector<OwnedHandle>& handles, Call& call,
                                                 std::error_code& ec) {
  return step(Operation::read, reading_, ec, [&] { return native_.read_with_handles(to, handles, call, ec); });
}

std::size_t Connection::write_with_handles_within(const WriteBuffers& from, std::span<const NativeHandle> handles,
                                                  Call& call, std::error_code& ec) {
  return step(Operation::write, writing_, ec, [&] { return native_.write_with_handles(from, handles, call, ec); });
}

PacketPart Connection::receive_packet_within(std::span<std::byte> to, Call& call, std::error_code& ec) {
  const PacketPart part = native_.receive_packet(to, call, ec);
  if (part.is_end && reading_.is_closed()) ec = error(Operation::read, Errc::closed);
  return part;
}

PacketFate Connection::send_packet_within(std::span<const std::byte> message, Call& call, std::error_code& ec) {
  const PacketFate fate = native_.send_packet(message, call, ec);
  if (fate != PacketFate::sent && writing_.is_closed()) ec = error(Operation::write, Errc::closed);
  return fate;
}

std::size_t Connection::read_some(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  return run(Operation::read, reading_, wait, ec, [&](Call& call) { return read_some_within(to, call, ec); });
}

std::size_t Connection::read_exact(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  return run(Operation::read, reading_, wait, ec, [&](Call& call) { return read_exact_within(to, call, ec); });
}

std::size_t Connection::write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return run(Operation::write, writing_, wait, ec, [&](Call& call) { return write_some_within(from, call, ec); });
}

std::size_t Connection::write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return run(Operation::write, writing_, wait, ec, [&](Call& call) { return write_all_within(from, call, ec); });
}

std::size_t Connection::read_now(const ReadBuffers& to, std::error_code& ec) {
  std::size_t count = 0;
  run_at_once(Operation::read, reading_, ec, [&] {
    without_waiting([&](Call& call) { count = native_.read(to, call, ec); });
    if (ec == std::errc::timed_out) ec = error(Operation::read, Interruption::would_block);
  });
  return count;
}

void Connection::shutdown(Shutdown how, std::error_code& ec) {
  run_at_once(Operation::other, how == Shutdown::read ? reading_ : writing_, ec, [&] { shutdown_at_once(how, ec); });
}

void Connection::shutdown_at_once(Shutdown how, std::error_code& ec) noexcept {
  if (type() == Type::packets) {
    ec = error(Operation::other, std::errc::operation_not_supported);
    return;
  }
  without_waiting([&](Call& call) { native_.shutdown(how, call, ec); });
}

bool Connection::drain(const Wait& wait, std::error_code& ec) {
  const auto drain = [&](Call& call) {
    return step(Operation::write, writing_, ec, [&] { return std::size_t{native_.drain(call, ec)}; });
  };
  return run(Operation::write, writing_, wait, ec, drain) != 0;
}

std::size_t Connection::available(std::error_code& ec) {
  std::size_t bytes = 0;
  run_at_once(Operation::read, reading_, ec, [&] {
    if (type() == Type::stream) {
      bytes = native_.available(ec);
    } else {
      ec = error(Operation::read, std::errc::operation_not_supported);
    }
  });
  return bytes;
}

bool Connection::is_peer_gone(std::error_code& ec) {
  bool is_gone = false;
  run_at_once(Operation::other, any_open_gate(), ec, [&] { is_gone = native_.is_peer_gone(ec); });
  return is_gone;
}

std::shared_ptr<Connection> Connection::duplicate(std::error_code& ec) {
  auto copy = std::make_shared<Connection>(local_, peer_);
  Gate& held = any_open_gate();
  run_at_once(Operation::other, held, ec, [&] {
    share(held);
    copy->hold(permit_);
    copy->open(native_.duplicate(ec));
  });
  if (ec) return nullptr;
  copy->restrict(reading_.is_usable(), writing_.is_usable());
  return copy;
}

PeerIdentity Connection::peer(std::error_code& ec) {
  PeerIdentity peer;
  run_at_once(Operation::other, any_open_gate(), ec, [&] { peer = native_.peer(ec); });
  return peer;
}

ProcessOfPeer Connection::peer_process(std::error_code& ec) {
  ProcessOfPeer process;
  run_at_once(Operation::other, any_open_gate(), ec, [&] { process = native_.peer_process(ec); });
  return process;
}

NativeHandle Connection::handle() noexcept {
  NativeHandle handle = invalid_handle;
  std::error_code closed;
  Gate& held = any_open_gate();
  run_at_once(Operation::other, held, closed, [&] {
    share(held);
    handle = native_.handle();
  });
  return handle;
}

// Nothing that this stream has set on its handle is to be met by whoever else has it. Calls that began before may still
// block by such a setting; each of them soon returns, or waits in a Waiter, and does not block by it again. A direction
// that is busy all the time is sooner or later met between two calls.
void Connection::share(const Gate& held) noexcept {
  if (!native_.share()) return;
  constexpr int most_looks = 50;
  for (Gate* const gate : {&reading_, &writing_}) {
    const std::uint32_t own_calls = gate == &held ? 1 : 0;
    for (int looks = 0; looks < most_looks && !gate->all_wait_but(own_calls); ++looks) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  native_.take_settings_off();
}

void Connection::restrict(bool reads, bool writes) noexcept {
  if (!reads) reading_.disable();
  if (!writes) writing_.disable();
}

// A call that belongs to no direction keeps the handle open through one that works.
Gate& Connection::any_open_gate() noexcept { return reading_.is_usable() ? reading_ : writing_; }

// While wait sets are told, and let go of the handle, it stays open.
void Connection::mark_closed() noexcept {
  const Entry keeps_it_open(reading_);
  writing_.close();
  reading_.close();
}

// Whoever is last, close() or a call, closes, and only then may another connection take the permit.
void Connection::close_if_idle() noexcept {
  if (is_open() || !reading_.is_idle() || !writing_.is_idle() || has_ended_.exchange(true)) return;
  native_.close();
  permit_.reset();
}

void Connection::close_half(bool reads) noexcept {
  Gate& gate = reads ? reading_ : writing_;
  const Gate& other = reads ? writing_ : reading_;
  std::error_code cannot;  // a byte-type pipe, or packets: the direction ends with the connection then
  {
    const Entry entry(gate);
    if (!gate.is_closed()) {
      // Before the shutdown, or calls that wait would take its effect for the peer's.
      gate.close();
      const bool is_copy = maker_ != process_generation();  // of a connection that goes on in the parent
      if (!other.is_closed() && !is_copy) shutdown_at_once(reads ? Shutdown::read : Shutdown::write, cannot);
    }
    if (!is_open()) mark_closed();  // before a call of the other half can close the handle
  }
  if (!is_open()) close();
}

void Connection::close() noexcept {
  mark_closed();
  close_if_idle();
}

NativeHandle Connection::release() noexcept {
  mark_closed();
  if (has_ended_.exchange(true)) return invalid_handle;
  permit_.reset();
  return native_.release();
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
