#include <localsocket/message_batch.hpp>

#include "channel.hpp"
#include "core/errors.hpp"

#include <cstring>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

using Bytes = std::span<const std::byte>;

}  // namespace

MessageBatch::MessageBatch(MessageStream& messages, std::size_t size) noexcept
    : messages_(&messages),
      size_(size),
      small_sizes_(messages.read_ahead_ != nullptr ? messages.largest_small_ + 1 : 0) {}

MessageBatch::MessageBatch(MessageBatch&& other) noexcept
    : messages_(other.messages_),
      memory_(std::move(other.memory_)),
      capacity_(std::exchange(other.capacity_, 0)),
      used_(std::exchange(other.used_, 0)),
      size_(other.size_),
      small_sizes_(other.small_sizes_) {}

MessageBatch& MessageBatch::operator=(MessageBatch&& other) noexcept {
  if (this != &other) {
    messages_ = other.messages_;
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    used_ = std::exchange(other.used_, 0);
    size_ = other.size_;
    small_sizes_ = other.small_sizes_;
  }
  return *this;
}

MessageBatch::~MessageBatch() = default;

bool MessageBatch::add_any(const WriteBuffers& buffers, const Wait& wait, std::error_code& ec) {
  return detail::with_channel(messages_->channel_, ec, [&](detail::MessageChannel& c) {
    if (c.format.has_handles()) {
      ec = detail::error(detail::Operation::write, std::errc::operation_not_supported);
      return false;
    }
    if (c.format.type == Type::packets) return messages_->send(buffers, wait, ec);  // each is a write of its own
    const detail::Message message(c.format.framing, buffers);
    if (!c.writer.accepts(message, ec)) return false;
    if (message.total_size > size_ - used_) flush(wait, ec);
    if (ec) return false;
    if (message.total_size > size_) return messages_->send(buffers, wait, ec);
    if (!memory_) memory_.reset(new std::byte[size_]);
    capacity_ = size_;
    message.copy_to(memory_.get() + used_);
    used_ += message.total_size;
    return true;
  });
}

void MessageBatch::add_any(const WriteBuffers& message, const Wait& wait) {
  detail::or_raise_of(detail::sending, messages_->stream_,
                      [&](std::error_code& ec) { return add_any(message, wait, ec); });
}

void MessageBatch::flush(const Wait& wait, std::error_code& ec) {
  detail::with_channel(messages_->channel_, ec, [&](detail::MessageChannel& c) {
    const std::size_t begun = c.writer.send_framed(messages_->stream_, Bytes(memory_.get(), used_), wait, ec);
    used_ -= begun;
    if (used_ != 0 && begun != 0) std::memmove(memory_.get(), memory_.get() + begun, used_);
  });
}

void MessageBatch::flush(const Wait& wait) {
  detail::or_raise_of(detail::sending, messages_->stream_, [&](std::error_code& ec) { flush(wait, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
