// Several steps on a stream that are one call: what ends a call ends all of it, also between two steps.
//
// Its functions are defined with LocalStream (src/stream.cpp), of which they are a part that users do not see.
#pragma once

#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include "errors.hpp"
#include "gate.hpp"
#include "handle_passing.hpp"
#include "packet.hpp"

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

class LocalStream;

namespace detail {

class Connection;

class StreamCall {
 public:
  /// Begins a call that reads or writes, or says in `ec` why it may not even be tried: also that the stream is not of
  /// that type. The Wait and the stream must outlive it.
  StreamCall(const LocalStream& stream, Operation operation, const Wait& wait, std::error_code& ec,
             Type type = Type::stream) noexcept;
  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;
  ~StreamCall();

  /// What begins a call, for one that has all it needs and takes no step: false, and why in `ec`.
  static bool may_begin(const LocalStream& stream, Operation operation, const Wait& wait, std::error_code& ec) noexcept;

  /// Whether a read has to ask may_begin() whatever its Wait. It lives as long as the stream's connection.
  static const std::atomic<bool>* may_refuse_reads(const LocalStream& stream) noexcept;

  // As the functions of LocalStream, each within what is left of the call. Not after an error.
  std::size_t read_some(const ReadBuffers& to, std::error_code& ec);
  std::size_t write_all(const WriteBuffers& from, std::error_code& ec);

  // What the backend says of them; of a stream of packets.
  PacketPart receive_packet(std::span<std::byte> to, std::error_code& ec);
  PacketFate send_packet(std::span<const std::byte> message, std::error_code& ec);

  // What the backend says of them; of a stream of bytes. Each is one step.
  std::size_t read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>& handles, std::error_code& ec);
  std::size_t write_with_handles(const WriteBuffers& from, std::span<const NativeHandle> handles, std::error_code& ec);
  void take_from_peer(std::span<const std::uint64_t> numbers, std::vector<OwnedHandle>& handles, std::error_code& ec);

  /// The stream's, which stays open until the call ends.
  NativeHandle handle() const noexcept;

  /// For what else has to wait within the call; only after a beginning without an error.
  Call& call() noexcept { return *call_; }

 private:
  bool goes_on(Operation operation, std::error_code& ec) noexcept;

  Connection* connection_;
  std::optional<Call> call_;
  bool has_stepped_ = false;
};

}  // namespace detail
}  // namespace localsocket::inline LOCALSOCKET_ABI
