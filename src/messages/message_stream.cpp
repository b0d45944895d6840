#include <localsocket/message_stream.hpp>

#include "channel.hpp"
#include "core/errors.hpp"
#include "core/stream_call.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace {

using Bytes = std::span<const std::byte>;
using detail::or_raise_of;
using detail::with_channel;

/// What has come is acknowledged before the next receive at the latest, or else the peer could wait for that.
template <class Receive>
auto receive_with_handles(LocalStream& stream, detail::MessageChannel& channel, const Wait& wait, std::error_code& ec,
                          Receive receive) {
  detail::IncomingHandles& handles = channel.reader.handles();
  handles.received.clear();
  handles.received_error.clear();
  channel.writer.greet(stream, wait, ec);
  if (!ec) channel.writer.acknowledge(stream, handles.unacknowledged, wait, ec);
  if (ec && ec == std::errc::broken_pipe) ec.clear();  // what it has sent before is still to be read
  if (ec) return decltype(receive())();
  auto received = receive();
  if (!received) return received;
  handles.received.swap(handles.next);
  handles.received_error = handles.next_error;
  try {
    std::error_code later;
    channel.writer.acknowledge(stream, handles.unacknowledged, Wait(Wait::Clock::duration::zero()), later);
  } catch (const std::bad_alloc&) {  // the message is not lost for that
  }
  return received;
}

template <class... To>
auto receive_from(LocalStream& stream, const detail::ChannelPointer& channel, const Wait& wait, std::error_code& ec,
                  To&... to) {
  return with_channel(channel, ec, [&](detail::MessageChannel& c) {
    const auto receive = [&] { return c.reader.receive(stream, to..., wait, ec); };
    return c.format.has_handles() ? receive_with_handles(stream, c, wait, ec, receive) : receive();
  });
}

constexpr std::string_view receiving = "receive a message from";

}  // namespace

std::shared_ptr<detail::ReadAhead> detail::ReadAhead::of(const MessageStream& stream) noexcept {
  return stream.channel_;
}

void detail::expect_no_handles(MessageStream& stream) noexcept { stream.channel_->reader.expect_no_handles(); }

MessageStream::MessageStream() noexcept = default;
MessageStream::MessageStream(MessageStream&& other) noexcept { *this = std::move(other); }
MessageStream::~MessageStream() = default;

MessageStream::MessageStream(LocalStream stream, const MessageOptions& options)
    : MessageStream(Parts{std::move(stream), {}, {}}, options) {}

MessageStream::MessageStream(Parts parts, const MessageOptions& options)
    : stream_(std::move(parts.stream)),
      channel_(std::make_shared<detail::MessageChannel>(stream_.type(), parts, options)),
      read_ahead_(channel_->format.has_small_headers() ? &channel_->reader.read_ahead() : nullptr),
      may_refuse_(detail::StreamCall::may_refuse_reads(stream_)),
      refusing_(stream_.connection_.get()),
      largest_small_(std::min<std::size_t>(channel_->writer.max_size(), 0x7f)) {
  if (!options.handles || channel_->refusal) return;
  std::error_code ec;
  for (const detail::Operation way : {detail::Operation::read, detail::Operation::write}) {
    detail::StreamCall::may_begin(stream_, way, Wait(), ec);
    if (ec == std::errc::operation_not_supported) channel_->refusal = ec;  // a connection of one direction
  }
  const Wait at_once(Wait::Clock::duration::zero());
  if (!channel_->refusal) channel_->writer.greet(stream_, at_once, ec);  // or else the first call does
}

MessageStream& MessageStream::operator=(MessageStream&& other) noexcept {
  if (this != &other) {
    stream_ = std::move(other.stream_);
    channel_ = std::move(other.channel_);
    read_ahead_ = std::exchange(other.read_ahead_, nullptr);
    may_refuse_ = other.may_refuse_;
    refusing_ = other.refusing_;
    largest_small_ = other.largest_small_;
  }
  return *this;
}

// Sending.

bool MessageStream::send(const WriteBuffers& message, const Wait& wait, std::error_code& ec) {
  return with_channel(channel_, ec, [&](detail::MessageChannel& c) {
    if (c.format.has_handles()) c.writer.greet(stream_, wait, ec);
    return !ec && c.writer.send(stream_, message, wait, ec);
  });
}

bool MessageStream::send(const WriteBuffers& message, std::span<const NativeHandle> handles, const Wait& wait,
                         std::error_code& ec) {
  if (handles.empty()) return send(message, wait, ec);
  return with_channel(channel_, ec, [&](detail::MessageChannel& c) {
    if (!c.format.has_handles()) ec = detail::error(detail::Operation::write, std::errc::operation_not_supported);
    if (handles.size() > most_handles) ec = detail::error(detail::Operation::other, std::errc::invalid_argument);
    if (!ec) c.writer.greet(stream_, wait, ec);
    if (!ec) c.reader.await_greeting(stream_, wait, ec);
    if (!ec) c.reader.await_acknowledgement(stream_, most_handles - handles.size(), wait, ec);
    return !ec && c.writer.send(stream_, message, handles, c.kept, wait, ec);
  });
}

void MessageStream::send(const WriteBuffers& message, std::span<const NativeHandle> handles, const Wait& wait) {
  or_raise_of(detail::sending, stream_, [&](std::error_code& ec) { return send(message, handles, wait, ec); });
}

void MessageStream::send(const WriteBuffers& message, const Wait& wait) {
  or_raise_of(detail::sending, stream_, [&](std::error_code& ec) { return send(message, wait, ec); });
}

void MessageStream::flush(const Wait& wait, std::error_code& ec) {
  with_channel(channel_, ec, [&](detail::MessageChannel& c) { c.writer.flush(stream_, wait, ec); });
}

void MessageStream::flush(const Wait& wait) {
  or_raise_of(detail::sending, stream_, [&](std::error_code& ec) { flush(wait, ec); });
}

bool MessageStream::has_unsent() const noexcept { return channel_ && channel_->writer.has_unsent(); }

// Receiving.

std::optional<Bytes> MessageStream::receive_any(const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec);
}

std::optional<Bytes> MessageStream::receive_any(const Wait& wait) {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return receive_any(wait, ec); });
}

bool MessageStream::receive(std::vector<std::byte>& message, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, message);
}

bool MessageStream::receive(std::vector<std::byte>& message, const Wait& wait) {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return receive(message, wait, ec); });
}

bool MessageStream::receive(std::string& message, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, message);
}

bool MessageStream::receive(std::string& message, const Wait& wait) {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return receive(message, wait, ec); });
}

std::optional<std::size_t> MessageStream::receive(const ReadBuffers& to, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, to);
}

std::optional<std::size_t> MessageStream::receive(const ReadBuffers& to, const Wait& wait) {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return receive(to, wait, ec); });
}

std::optional<std::size_t> MessageStream::next_size(const Wait& wait, std::error_code& ec) {
  return with_channel(channel_, ec, [&](detail::MessageChannel& c) { return c.reader.next_size(stream_, wait, ec); });
}

std::optional<std::size_t> MessageStream::next_size(const Wait& wait) {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return next_size(wait, ec); });
}

std::vector<OwnedHandle> MessageStream::take_handles(std::error_code& ec) {
  return with_channel(channel_, ec, [&](detail::MessageChannel& c) {
    if (!c.format.has_handles()) return std::vector<OwnedHandle>();
    ec = c.reader.handles().received_error;
    return std::exchange(c.reader.handles().received, {});
  });
}

std::vector<OwnedHandle> MessageStream::take_handles() {
  return or_raise_of(receiving, stream_, [&](std::error_code& ec) { return take_handles(ec); });
}

bool MessageStream::has_message() const noexcept { return channel_ && channel_->reader.has_message(); }

// Ending.

void MessageStream::cancel() noexcept { stream_.cancel(); }

void MessageStream::close() noexcept { stream_.close(); }

LocalStream& MessageStream::stream() noexcept { return stream_; }

const LocalStream& MessageStream::stream() const noexcept { return stream_; }

MessageStream::Parts MessageStream::release() {
  Parts parts;
  if (channel_ && !channel_->format.has_handles()) {
    const Bytes unsent = channel_->writer.unsent();
    parts.unread = channel_->reader.unread();
    parts.unsent.assign(unsent.begin(), unsent.end());
  }
  parts.stream = std::move(stream_);
  read_ahead_ = nullptr;
  channel_.reset();
  return parts;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
