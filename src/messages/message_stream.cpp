#include <localsocket/message_stream.hpp>

#include "core/errors.hpp"
#include "core/stream_call.hpp"
#include "reader.hpp"
#include "writer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace localsocket {

namespace detail {

/// Behind a pointer: senders and a receiver hold on to it, so it cannot move.
class MessageChannel {
 public:
  MessageChannel(const MessageStream::Parts& parts, const MessageOptions& options)
      : reader(options.max_size, parts.unread), writer(options.max_size, parts.unsent) {}

  MessageReader reader;
  MessageWriter writer;
};

}  // namespace detail

namespace {

using Bytes = std::span<const std::byte>;
using Channel = std::unique_ptr<detail::MessageChannel>;

Bytes bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

std::span<const Bytes> one(const Bytes& bytes) noexcept { return {&bytes, 1}; }

/// Calls `function(channel)` with a clear `ec`, if there is a channel.
template <class Function>
auto call(const Channel& channel, std::error_code& ec, Function function) {
  ec.clear();
  if (channel) [[likely]] {
    return function(*channel);
  }
  ec = detail::error(detail::Operation::write, Errc::closed);
  return decltype(function(*channel))();
}

const LocalAddress& name_of(const LocalStream& stream) noexcept {
  const LocalAddress& peer = stream.peer_address();
  return peer.is_unnamed() ? stream.local_address() : peer;
}

/// The throwing form of a call that takes an error_code.
template <class Function>
auto or_raise(std::string_view action, const LocalStream& stream, Function function) {
  return detail::or_raise(
      action, [&stream]() -> const LocalAddress& { return name_of(stream); }, function);
}

template <class... To>
auto receive_from(LocalStream& stream, const Channel& channel, const Wait& wait, std::error_code& ec, To&... to) {
  return call(channel, ec, [&](detail::MessageChannel& c) { return c.reader.receive(stream, to..., wait, ec); });
}

constexpr std::string_view sending = "send a message to";
constexpr std::string_view receiving = "receive a message from";

}  // namespace

MessageStream::MessageStream() noexcept = default;
MessageStream::MessageStream(MessageStream&& other) noexcept { *this = std::move(other); }
MessageStream::~MessageStream() = default;

MessageStream::MessageStream(LocalStream stream, const MessageOptions& options)
    : MessageStream(Parts{std::move(stream), {}, {}}, options) {}

MessageStream::MessageStream(Parts parts, const MessageOptions& options)
    : stream_(std::move(parts.stream)),
      channel_(std::make_unique<detail::MessageChannel>(parts, options)),
      read_ahead_(&channel_->reader.read_ahead()),
      may_refuse_(detail::StreamCall::may_refuse_reads(stream_)),
      refusing_(stream_.connection_.get()),
      largest_small_(std::min<std::size_t>(channel_->writer.max_size(), 0x7f)) {}

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

// Sending. The forms differ in what they take and in how they report.

bool MessageStream::send(std::span<const Bytes> parts, const Wait& wait, std::error_code& ec) {
  return call(channel_, ec, [&](detail::MessageChannel& c) { return c.writer.send(stream_, parts, wait, ec); });
}

bool MessageStream::send(std::span<const Bytes> parts, std::error_code& ec) { return send(parts, {}, ec); }

void MessageStream::send(std::span<const Bytes> parts, const Wait& wait) {
  or_raise(sending, stream_, [&](std::error_code& ec) { return send(parts, wait, ec); });
}

bool MessageStream::send(Bytes message, const Wait& wait, std::error_code& ec) { return send(one(message), wait, ec); }

bool MessageStream::send(Bytes message, std::error_code& ec) { return send(one(message), {}, ec); }

void MessageStream::send(Bytes message, const Wait& wait) { send(one(message), wait); }

bool MessageStream::send(std::string_view message, const Wait& wait, std::error_code& ec) {
  return send(bytes_of(message), wait, ec);
}

bool MessageStream::send(std::string_view message, std::error_code& ec) { return send(bytes_of(message), {}, ec); }

void MessageStream::send(std::string_view message, const Wait& wait) { send(bytes_of(message), wait); }

void MessageStream::flush(const Wait& wait, std::error_code& ec) {
  call(channel_, ec, [&](detail::MessageChannel& c) { c.writer.flush(stream_, wait, ec); });
}

void MessageStream::flush(std::error_code& ec) { flush({}, ec); }

void MessageStream::flush(const Wait& wait) {
  std::error_code ec;
  flush(wait, ec);
  if (ec) detail::raise(ec, sending, name_of(stream_));
}

bool MessageStream::has_unsent() const noexcept { return channel_ && channel_->writer.has_unsent(); }

// Receiving.

std::optional<Bytes> MessageStream::receive_any(const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec);
}

std::optional<Bytes> MessageStream::receive_any(const Wait& wait) {
  return or_raise(receiving, stream_, [&](std::error_code& ec) { return receive_any(wait, ec); });
}

bool MessageStream::receive(std::vector<std::byte>& message, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, message);
}

bool MessageStream::receive(std::vector<std::byte>& message, std::error_code& ec) { return receive(message, {}, ec); }

bool MessageStream::receive(std::vector<std::byte>& message, const Wait& wait) {
  return or_raise(receiving, stream_, [&](std::error_code& ec) { return receive(message, wait, ec); });
}

bool MessageStream::receive(std::string& message, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, message);
}

bool MessageStream::receive(std::string& message, std::error_code& ec) { return receive(message, {}, ec); }

bool MessageStream::receive(std::string& message, const Wait& wait) {
  return or_raise(receiving, stream_, [&](std::error_code& ec) { return receive(message, wait, ec); });
}

std::optional<std::size_t> MessageStream::receive(std::span<std::byte> buffer, const Wait& wait, std::error_code& ec) {
  return receive_from(stream_, channel_, wait, ec, buffer);
}

std::optional<std::size_t> MessageStream::receive(std::span<std::byte> buffer, std::error_code& ec) {
  return receive(buffer, {}, ec);
}

std::optional<std::size_t> MessageStream::receive(std::span<std::byte> buffer, const Wait& wait) {
  return or_raise(receiving, stream_, [&](std::error_code& ec) { return receive(buffer, wait, ec); });
}

std::optional<std::size_t> MessageStream::next_size(const Wait& wait, std::error_code& ec) {
  return call(channel_, ec, [&](detail::MessageChannel& c) { return c.reader.next_size(stream_, wait, ec); });
}

std::optional<std::size_t> MessageStream::next_size(std::error_code& ec) { return next_size({}, ec); }

std::optional<std::size_t> MessageStream::next_size(const Wait& wait) {
  return or_raise(receiving, stream_, [&](std::error_code& ec) { return next_size(wait, ec); });
}

bool MessageStream::has_message() const noexcept { return channel_ && channel_->reader.has_message(); }

// Ending.

void MessageStream::cancel() noexcept { stream_.cancel(); }

void MessageStream::close() noexcept { stream_.close(); }

LocalStream& MessageStream::stream() noexcept { return stream_; }

const LocalStream& MessageStream::stream() const noexcept { return stream_; }

MessageStream::Parts MessageStream::release() {
  Parts parts;
  if (channel_) {
    const Bytes unread = channel_->reader.unread();
    const Bytes unsent = channel_->writer.unsent();
    parts.unread.assign(unread.begin(), unread.end());
    parts.unsent.assign(unsent.begin(), unsent.end());
  }
  parts.stream = std::move(stream_);
  read_ahead_ = nullptr;
  channel_.reset();
  return parts;
}

// Batches.

MessageBatch::MessageBatch(MessageStream& messages, std::size_t size) noexcept
    : messages_(&messages), size_(size), largest_small_(messages.largest_small_) {}

MessageBatch::MessageBatch(MessageBatch&& other) noexcept
    : messages_(other.messages_),
      memory_(std::move(other.memory_)),
      capacity_(std::exchange(other.capacity_, 0)),
      used_(std::exchange(other.used_, 0)),
      size_(other.size_),
      largest_small_(other.largest_small_) {}

MessageBatch& MessageBatch::operator=(MessageBatch&& other) noexcept {
  if (this != &other) {
    messages_ = other.messages_;
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    used_ = std::exchange(other.used_, 0);
    size_ = other.size_;
    largest_small_ = other.largest_small_;
  }
  return *this;
}

MessageBatch::~MessageBatch() = default;

bool MessageBatch::add_any(std::span<const Bytes> parts, const Wait& wait, std::error_code& ec) {
  return call(messages_->channel_, ec, [&](detail::MessageChannel& c) {
    const detail::Message message(parts);
    if (message.size > c.writer.max_size()) {
      ec = detail::error(detail::Operation::write, Errc::message_too_large);
      return false;
    }
    if (message.total() > size_ - used_) flush(wait, ec);
    if (ec) return false;
    if (message.total() > size_) return messages_->send(parts, wait, ec);
    if (!memory_) memory_.reset(new std::byte[size_]);
    capacity_ = size_;
    message.copy_to(memory_.get() + used_);
    used_ += message.total();
    return true;
  });
}

void MessageBatch::add_any(std::span<const Bytes> parts, const Wait& wait) {
  or_raise(sending, messages_->stream_, [&](std::error_code& ec) { return add_any(parts, wait, ec); });
}

void MessageBatch::flush(const Wait& wait, std::error_code& ec) {
  call(messages_->channel_, ec, [&](detail::MessageChannel& c) {
    const std::size_t begun = c.writer.send_framed(messages_->stream_, Bytes(memory_.get(), used_), wait, ec);
    used_ -= begun;
    if (used_ != 0 && begun != 0) std::memmove(memory_.get(), memory_.get() + begun, used_);
  });
}

void MessageBatch::flush(std::error_code& ec) { flush({}, ec); }

void MessageBatch::flush(const Wait& wait) {
  std::error_code ec;
  flush(wait, ec);
  if (ec) detail::raise(ec, sending, name_of(messages_->stream_));
}

}  // namespace localsocket
