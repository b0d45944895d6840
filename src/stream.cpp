#include <localsocket/stream.hpp>

#include "connection/connect_retry.hpp"
#include "connection/connection.hpp"
#include "core/address_parts.hpp"
#include "core/stream_call.hpp"

#include <algorithm>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

namespace {

Gate& gate_of(Connection& connection, Operation operation) noexcept {
  return operation == Operation::read ? connection.reading() : connection.writing();
}

}  // namespace

StreamCall::StreamCall(const LocalStream& stream, Operation operation, const Wait& wait, std::error_code& ec,
                       Type type) noexcept
    : connection_(stream.connection_.get()) {
  if (connection_ == nullptr) {
    ec = error(operation, Errc::closed);
    return;
  }
  call_.emplace(gate_of(*connection_, operation), wait);
  const Interruption why = connection_->refusal_of(type, *call_);
  if (why != Interruption::none) ec = error(operation, why);
}

// A wait set is told after a read, which may have read more messages ahead than its receive takes.
StreamCall::~StreamCall() {
  if (!call_) return;
  const Gate& gate = call_->gate();
  call_.reset();
  connection_->leave(gate);
  if (&gate == &connection_->reading()) connection_->reading().tell_observers();
}

bool StreamCall::may_begin(const LocalStream& stream, Operation operation, const Wait& wait,
                           std::error_code& ec) noexcept {
  Connection* const connection = stream.connection_.get();
  const Interruption why = connection != nullptr ? gate_of(*connection, operation).refusal(wait) : Interruption::closed;
  if (why != Interruption::none) ec = error(operation, why);
  return why == Interruption::none;
}

const std::atomic<bool>* StreamCall::may_refuse_reads(const LocalStream& stream) noexcept {
  static constinit const std::atomic<bool> always{true};
  return stream.connection_ ? &stream.connection_->reading().may_refuse() : &always;
}

bool StreamCall::goes_on(Operation operation, std::error_code& ec) noexcept {
  if (!std::exchange(has_stepped_, true)) return true;
  const Interruption why = call_->ended();
  if (why != Interruption::none) ec = error(operation, why);
  return why == Interruption::none;
}

std::size_t StreamCall::read_some(const ReadBuffers& to, std::error_code& ec) {
  return goes_on(Operation::read, ec) ? connection_->read_some_within(to, *call_, ec) : 0;
}

std::size_t StreamCall::write_all(const WriteBuffers& from, std::error_code& ec) {
  return goes_on(Operation::write, ec) ? connection_->write_all_within(from, *call_, ec) : 0;
}

PacketPart StreamCall::receive_packet(std::span<std::byte> to, std::error_code& ec) {
  return goes_on(Operation::read, ec) ? connection_->receive_packet_within(to, *call_, ec) : PacketPart();
}

PacketFate StreamCall::send_packet(std::span<const std::byte> message, std::error_code& ec) {
  return goes_on(Operation::write, ec) ? connection_->send_packet_within(message, *call_, ec) : PacketFate::unsent;
}

std::size_t StreamCall::read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>& handles,
                                          std::error_code& ec) {
  return goes_on(Operation::read, ec) ? connection_->read_with_handles_within(to, handles, *call_, ec) : 0;
}

std::size_t StreamCall::write_with_handles(const WriteBuffers& from, std::span<const NativeHandle> handles,
                                           std::error_code& ec) {
  return goes_on(Operation::write, ec) ? connection_->write_with_handles_within(from, handles, *call_, ec) : 0;
}

void StreamCall::take_from_peer(std::span<const std::uint64_t> numbers, std::vector<OwnedHandle>& handles,
                                std::error_code& ec) {
  connection_->native().take_from_peer(numbers, handles, ec);
}

NativeHandle StreamCall::handle() const noexcept { return connection_->handle_within(); }

}  // namespace detail

namespace {

using detail::Operation;

/// Calls a member of the connection, if there is one.
template <class Result, class... Parameters, class... Arguments>
Result call(const std::shared_ptr<detail::Connection>& connection,
            Result (detail::Connection::*function)(Parameters...), std::error_code& ec, const Arguments&... arguments) {
  if (connection) [[likely]] {
    if (ec) ec.clear();
    return (*connection.*function)(arguments..., ec);
  }
  ec = detail::error(Operation::other, Errc::closed);
  return Result();
}

}  // namespace

/// The throwing form of a call that takes an error_code.
template <class Function>
auto LocalStream::or_raise(std::string_view action, Function&& function) const {
  return detail::or_raise(
      action, [this]() -> const LocalAddress& { return name(); }, function);
}

LocalStream::LocalStream() noexcept = default;
LocalStream::LocalStream(LocalStream&& other) noexcept = default;
LocalStream::~LocalStream() = default;

LocalStream& LocalStream::operator=(LocalStream&& other) noexcept {
  if (this != &other) connection_ = std::exchange(other.connection_, nullptr);
  return *this;
}

LocalStream::LocalStream(std::shared_ptr<detail::Connection> connection) noexcept
    : connection_(std::move(connection)) {}

LocalStream LocalStream::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options,
                                 std::error_code& ec) {
  auto connection = std::make_shared<detail::Connection>(LocalAddress(), address);
  detail::ConnectRetry retry(address, wait, options);
  LocalAddress met = address;
  while (retry.goes_on(ec)) connection->open(detail::NativeStream::connect(met, options, ec), met);
  if (ec) return {};
  connection->restrict(options.direction != Direction::client_to_server,
                       options.direction != Direction::server_to_client);
  return LocalStream(std::move(connection));
}

LocalStream LocalStream::connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options) {
  return detail::or_raise("connect to", address,
                          [&](std::error_code& ec) { return connect(address, wait, options, ec); });
}

std::pair<LocalStream, LocalStream> LocalStream::pair(Type type, std::error_code& ec) {
  auto one = std::make_shared<detail::Connection>(LocalAddress(), LocalAddress());
  auto other = std::make_shared<detail::Connection>(LocalAddress(), LocalAddress());
  ec.clear();
  auto [a, b] = detail::NativeStream::pair(type, ec);
  if (ec) return {};
  one->open(std::move(a));
  other->open(std::move(b));
  return {LocalStream(std::move(one)), LocalStream(std::move(other))};
}

std::pair<LocalStream, LocalStream> LocalStream::pair(Type type) {
  return detail::or_raise("pair", detail::unnamed.value, [&](std::error_code& ec) { return pair(type, ec); });
}

// Reading and writing: the work is the Connection's.

std::size_t LocalStream::read_some(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  return call(connection_, &detail::Connection::read_some, ec, to, wait);
}

std::size_t LocalStream::read_some(const ReadBuffers& to, const Wait& wait) {
  return or_raise("read from", [&](std::error_code& ec) { return read_some(to, wait, ec); });
}

std::size_t LocalStream::read_exact(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  return call(connection_, &detail::Connection::read_exact, ec, to, wait);
}

std::size_t LocalStream::read_exact(const ReadBuffers& to, const Wait& wait) {
  return or_raise("read from", [&](std::error_code& ec) { return read_exact(to, wait, ec); });
}

std::size_t LocalStream::write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return call(connection_, &detail::Connection::write_some, ec, from, wait);
}

std::size_t LocalStream::write_some(const WriteBuffers& from, const Wait& wait) {
  return or_raise("write to", [&](std::error_code& ec) { return write_some(from, wait, ec); });
}

std::size_t LocalStream::write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec) {
  return call(connection_, &detail::Connection::write_all, ec, from, wait);
}

std::size_t LocalStream::write_all(const WriteBuffers& from, const Wait& wait) {
  return or_raise("write to", [&](std::error_code& ec) { return write_all(from, wait, ec); });
}

std::vector<std::byte> LocalStream::read_to_end(std::size_t limit, const Wait& wait, std::error_code& ec) {
  constexpr std::size_t first_step = 4096;
  ec.clear();
  std::vector<std::byte> bytes;
  detail::StreamCall reading(*this, Operation::read, wait, ec);
  std::size_t size = 0;
  const std::size_t most = std::max(limit, limit + 1);  // one byte more tells whether that is all
  while (!ec && size < most) {
    if (size == bytes.size()) bytes.resize(std::min(std::max(size * 2, first_step), most));
    const std::size_t count = reading.read_some(std::span(bytes).subspan(size), ec);
    size += count;
    if (count == 0) break;
  }
  if (size > limit) ec = detail::error(Operation::read, Errc::message_too_large);
  bytes.resize(std::min(size, limit));
  return bytes;
}

std::vector<std::byte> LocalStream::read_to_end(std::size_t limit, const Wait& wait) {
  return or_raise("read from", [&](std::error_code& ec) { return read_to_end(limit, wait, ec); });
}

// Settings. A stream without a connection has nothing to set.

void LocalStream::set_read_timeout(std::optional<Duration> timeout) {
  if (connection_) connection_->reading().set_timeout(timeout);
}

void LocalStream::set_write_timeout(std::optional<Duration> timeout) {
  if (connection_) connection_->writing().set_timeout(timeout);
}

std::optional<LocalStream::Duration> LocalStream::read_timeout() const noexcept {
  return connection_ ? connection_->reading().timeout() : std::nullopt;
}

std::optional<LocalStream::Duration> LocalStream::write_timeout() const noexcept {
  return connection_ ? connection_->writing().timeout() : std::nullopt;
}

void LocalStream::set_read_deadline(std::optional<TimePoint> deadline) {
  if (connection_) connection_->reading().set_deadline(deadline);
}

void LocalStream::set_write_deadline(std::optional<TimePoint> deadline) {
  if (connection_) connection_->writing().set_deadline(deadline);
}

void LocalStream::set_nonblocking(bool nonblocking) {
  if (!connection_) return;
  connection_->reading().set_nonblocking(nonblocking);
  connection_->writing().set_nonblocking(nonblocking);
}

void LocalStream::cancel() noexcept {
  if (!connection_) return;
  connection_->reading().cancel();
  connection_->writing().cancel();
}

// Ending.

void LocalStream::shutdown(Shutdown how, std::error_code& ec) {
  call(connection_, &detail::Connection::shutdown, ec, how);
}

void LocalStream::shutdown(Shutdown how) {
  or_raise("shut down", [&](std::error_code& ec) { shutdown(how, ec); });
}

void LocalStream::close() noexcept {
  if (connection_) connection_->close();
}

bool LocalStream::drain(const Wait& wait, std::error_code& ec) {
  return call(connection_, &detail::Connection::drain, ec, wait) != 0;
}

bool LocalStream::drain(const Wait& wait) {
  return or_raise("drain to", [&](std::error_code& ec) { return drain(wait, ec); });
}

std::size_t LocalStream::available(std::error_code& ec) const {
  return call(connection_, &detail::Connection::available, ec);
}

std::size_t LocalStream::available() const {
  return or_raise("look at", [&](std::error_code& ec) { return available(ec); });
}

bool LocalStream::is_peer_gone(std::error_code& ec) const {
  return call(connection_, &detail::Connection::is_peer_gone, ec);
}

bool LocalStream::is_peer_gone() const {
  return or_raise("look at", [&](std::error_code& ec) { return is_peer_gone(ec); });
}

PeerIdentity LocalStream::peer(std::error_code& ec) const { return call(connection_, &detail::Connection::peer, ec); }

PeerIdentity LocalStream::peer() const {
  return or_raise("identify the peer of", [&](std::error_code& ec) { return peer(ec); });
}

PeerProcess LocalStream::peer_process(Exactness exactness, std::error_code& ec) const {
  PeerProcess process(call(connection_, &detail::Connection::peer_process, ec));
  if (ec || exactness == Exactness::best_effort || process.is_exact()) return process;
  ec = detail::error(Operation::other, std::errc::operation_not_supported);
  return {};
}

PeerProcess LocalStream::peer_process(Exactness exactness) const {
  return or_raise("find the process of the peer of", [&](std::error_code& ec) { return peer_process(exactness, ec); });
}

LocalStream LocalStream::duplicate(std::error_code& ec) const {
  return LocalStream(call(connection_, &detail::Connection::duplicate, ec));
}

LocalStream LocalStream::duplicate() const {
  return or_raise("duplicate", [&](std::error_code& ec) { return duplicate(ec); });
}

bool LocalStream::is_open() const noexcept { return connection_ && connection_->is_open(); }

Type LocalStream::type() const noexcept { return connection_ ? connection_->type() : Type::stream; }

const LocalAddress& LocalStream::local_address() const noexcept {
  return connection_ ? connection_->local_address() : detail::unnamed.value;
}

const LocalAddress& LocalStream::peer_address() const noexcept {
  return connection_ ? connection_->peer_address() : detail::unnamed.value;
}

const LocalAddress& LocalStream::name() const noexcept {
  return peer_address().is_unnamed() ? local_address() : peer_address();
}

NativeHandle LocalStream::native_handle() const noexcept {
  return connection_ ? connection_->handle() : invalid_handle;
}

NativeHandle LocalStream::release() noexcept { return connection_ ? connection_->release() : invalid_handle; }

LocalStream LocalStream::adopt(NativeHandle handle, std::error_code& ec) {
  auto connection = std::make_shared<detail::Connection>(LocalAddress(), LocalAddress());
  ec.clear();
  connection->open(detail::NativeStream::adopt(handle, ec));
  return ec ? LocalStream() : LocalStream(std::move(connection));
}

LocalStream LocalStream::adopt(NativeHandle handle) {
  return detail::or_raise("adopt a stream", detail::unnamed.value,
                          [&](std::error_code& ec) { return adopt(handle, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
