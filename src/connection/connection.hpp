// What is behind a LocalStream: the platform's stream, and a gate for each direction.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/wait.hpp>

#include "backend.hpp"
#include "connection_limit.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class Connection {
 public:
  /// Without a handle yet: what allocates memory comes before the system call that takes or makes a connection, so that
  /// none is lost when there is no memory.
  Connection(const LocalAddress& local, const LocalAddress& peer) noexcept : local_(local), peer_(peer) {}

  /// Before any call: what it is a connection of.
  void open(NativeStream&& native) noexcept { native_ = std::move(native); }

  /// The same, of a client: and whom it has met.
  void open(NativeStream&& native, const LocalAddress& peer) noexcept {
    open(std::move(native));
    peer_ = peer;
  }

  /// Before any call: which of the two directions this end has.
  void restrict(bool reads, bool writes) noexcept;

  /// Before any call: the permit that it lets go of when its handle has been closed.
  void hold(std::shared_ptr<ConnectionPermit> permit) noexcept { permit_ = std::move(permit); }

  Type type() const noexcept { return native_.type(); }

  /// Why a call that is for connections of a type must not even be tried.
  Interruption refusal_of(Type type, const Call& call) const noexcept {
    const Interruption why = call.begin();
    return why == Interruption::none && type != this->type() ? Interruption::unsupported : why;
  }

  // Steps of a call that has begun.
  std::size_t read_some_within(const ReadBuffers& to, Call& call, std::error_code& ec);
  std::size_t write_some_within(const WriteBuffers& from, Call& call, std::error_code& ec);
  std::size_t read_exact_within(const ReadBuffers& to, Call& call, std::error_code& ec);
  std::size_t write_all_within(const WriteBuffers& from, Call& call, std::error_code& ec);
  PacketPart receive_packet_within(std::span<std::byte> to, Call& call, std::error_code& ec);
  PacketFate send_packet_within(std::span<const std::byte> message, Call& call, std::error_code& ec);
  std::size_t read_with_handles_within(const ReadBuffers& to, std::vector<OwnedHandle>& handles, Call& call,
                                       std::error_code& ec);
  std::size_t write_with_handles_within(const WriteBuffers& from, std::span<const NativeHandle> handles, Call& call,
                                        std::error_code& ec);
  NativeHandle handle_within() const noexcept { return native_.handle(); }
  /// After each call, which is in the gate no more.
  void leave(const Gate& gate) noexcept {
    if (gate.is_closed()) [[unlikely]] {
      close_if_idle();
    }
  }

  // Calls of one step.
  std::size_t read_some(const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  std::size_t write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  std::size_t read_exact(const ReadBuffers& to, const Wait& wait, std::error_code& ec);
  std::size_t write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  void shutdown(Shutdown how, std::error_code& ec);
  bool drain(const Wait& wait, std::error_code& ec);
  std::size_t available(std::error_code& ec);
  bool is_peer_gone(std::error_code& ec);
  std::shared_ptr<Connection> duplicate(std::error_code& ec);
  PeerIdentity peer(std::error_code& ec);
  ProcessOfPeer peer_process(std::error_code& ec);

  void close() noexcept;
  /// Of one of the two halves, `reads` or the other: ends its direction; the second one closes.
  void close_half(bool reads) noexcept;
  bool is_open() const noexcept { return !reading_.is_closed() || !writing_.is_closed(); }
  NativeHandle handle() noexcept;
  NativeHandle release() noexcept;

  /// Reads what is there now, whatever limits the calls have; operation_would_block if nothing is.
  std::size_t read_now(const ReadBuffers& to, std::error_code& ec);
  /// For a wait set that observes reading(): open until those observers have been told that it is closed.
  NativeStream& native() noexcept { return native_; }

  Gate& reading() noexcept { return reading_; }
  Gate& writing() noexcept { return writing_; }
  const LocalAddress& local_address() const noexcept { return local_; }
  const LocalAddress& peer_address() const noexcept { return peer_; }

 private:
  template <class Body>
  std::size_t run(Operation operation, Gate& gate, const Wait& wait, std::error_code& ec, Body body);
  template <class Step>
  std::size_t step(Operation operation, const Gate& gate, std::error_code& ec, Step step);
  template <class Bytes, class Move>
  std::size_t move_all(Operation operation, const Bytes& bytes, Call& call, std::error_code& ec, Move move);
  template <class Step>
  void run_at_once(Operation operation, Gate& gate, std::error_code& ec, Step step);
  void shutdown_at_once(Shutdown how, std::error_code& ec) noexcept;
  void share(const Gate& held) noexcept;
  Gate& any_open_gate() noexcept;
  void mark_closed() noexcept;
  void close_if_idle() noexcept;

  // A gate at either end: a reader and a writer do not write to the same cache line.
  Gate reading_;
  std::shared_ptr<ConnectionPermit> permit_;  // destroyed after the handle
  NativeStream native_;
  std::atomic<bool> has_ended_{false};                // the handle is closed or given away, or somebody is about to
  const std::uint32_t maker_ = process_generation();  // the process that ends a direction with its half
  LocalAddress local_;
  LocalAddress peer_;
  Gate writing_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
