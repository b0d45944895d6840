#include "scripted_stream.hpp"

#include "core/stream_call.hpp"

#include <algorithm>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

std::size_t Connection::pass(std::size_t size, bool all, std::error_code& error) {
  error.clear();
  if (!ec) return size;
  const std::size_t passed = std::min(size, until_interruption);
  until_interruption -= passed;
  if (passed == size || (!all && passed > 0)) return passed;
  error = std::exchange(ec, {});
  return passed;
}

StreamCall::StreamCall(const LocalStream& stream, Operation operation, const Wait& wait, std::error_code&,
                       Type) noexcept
    : connection_(stream.connection_.get()) {
  call_.emplace(operation == Operation::read ? connection_->reading : connection_->writing, wait);
}

StreamCall::~StreamCall() = default;

bool StreamCall::may_begin(const LocalStream&, Operation, const Wait&, std::error_code&) noexcept { return true; }

const std::atomic<bool>* StreamCall::may_refuse_reads(const LocalStream& stream) noexcept {
  return &stream.connection_->reading.may_refuse();
}

std::size_t StreamCall::read_some(const ReadBuffers& to, std::error_code& ec) {
  auto& input = connection_->input;
  std::size_t size = 0;
  to.for_each([&](std::span<std::byte> buffer) {
    size += buffer.size();
    return true;
  });
  const std::size_t count = connection_->pass(std::min({size, input.size(), connection_->largest_step}), false, ec);
  auto rest = input.first(count);
  to.for_each([&](std::span<std::byte> buffer) {
    const auto part = rest.first(std::min(buffer.size(), rest.size()));
    std::copy(part.begin(), part.end(), buffer.begin());
    rest = rest.subspan(part.size());
    return !rest.empty();
  });
  input = input.subspan(count);
  return count;
}

std::size_t StreamCall::write_all(const WriteBuffers& from, std::error_code& ec) {
  std::vector<std::byte> all;
  from.for_each([&](std::span<const std::byte> buffer) {
    all.insert(all.end(), buffer.begin(), buffer.end());
    return true;
  });
  const std::size_t count = connection_->pass(all.size(), true, ec);
  connection_->output.insert(connection_->output.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

// It is a stream of bytes.
PacketPart StreamCall::receive_packet(std::span<std::byte>, std::error_code&) { return {.is_end = true}; }
PacketFate StreamCall::send_packet(std::span<const std::byte>, std::error_code&) { return PacketFate::unsent; }

// Nothing here carries handles.
std::size_t StreamCall::read_with_handles(const ReadBuffers& to, std::vector<OwnedHandle>&, std::error_code& ec) {
  return read_some(to, ec);
}
std::size_t StreamCall::write_with_handles(const WriteBuffers& from, std::span<const NativeHandle>,
                                           std::error_code& ec) {
  return write_all(from, ec);
}
void StreamCall::take_from_peer(std::span<const std::uint64_t>, std::vector<OwnedHandle>&, std::error_code&) {}

NativeHandle StreamCall::handle() const noexcept { return invalid_handle; }

}  // namespace detail

LocalStream::LocalStream() noexcept = default;
LocalStream::LocalStream(LocalStream&&) noexcept = default;
LocalStream& LocalStream::operator=(LocalStream&&) noexcept = default;
LocalStream::~LocalStream() = default;
LocalStream::LocalStream(std::shared_ptr<detail::Connection> connection) noexcept
    : connection_(std::move(connection)) {}

Type LocalStream::type() const noexcept { return Type::stream; }

// Any handle will do: adopt() is the public way to a stream, and the next connection is what it finds.
namespace {
std::shared_ptr<detail::Connection> next_connection;
}  // namespace

LocalStream LocalStream::adopt(NativeHandle) { return LocalStream(std::exchange(next_connection, nullptr)); }

LocalStream detail::scripted_stream(std::shared_ptr<Connection> connection) {
  next_connection = std::move(connection);
  return LocalStream::adopt(invalid_handle);
}

void LocalStream::cancel() noexcept {}
void LocalStream::close() noexcept { connection_->is_closed = true; }

const LocalAddress& LocalStream::local_address() const noexcept {
  static const LocalAddress unnamed;
  return unnamed;
}
const LocalAddress& LocalStream::peer_address() const noexcept { return local_address(); }

}  // namespace localsocket::inline LOCALSOCKET_ABI
