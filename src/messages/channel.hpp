// What is behind a MessageStream, and how its calls and those of its batches get to it.
#pragma once

#include <localsocket/message_stream.hpp>

#include "core/errors.hpp"
#include "core/read_ahead.hpp"
#include "reader.hpp"
#include "writer.hpp"

#include <memory>
#include <string_view>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// Behind a pointer: senders, a receiver and a wait set hold on to it, so it cannot move.
class MessageChannel final : public ReadAhead {
 public:
  MessageChannel(Type type, const MessageStream::Parts& parts, const MessageOptions& options)
      : format{type, options.handles ? with_handles : options.framing.value_or(Framing::varint)},
        refusal(refusal_of(type, options)),
        reader(format, options.max_size, parts.unread),
        writer(format, options.max_size, parts.unsent) {
    if (options.handles) reader.carry(std::make_unique<IncomingHandles>(kept));
  }

  static std::error_code refusal_of(Type type, const MessageOptions& options) noexcept {
    const bool has_two_formats = options.framing && (type == Type::packets || options.handles);
    if (has_two_formats) return error(Operation::other, std::errc::invalid_argument);
    if (options.handles && type == Type::packets) return error(Operation::other, std::errc::operation_not_supported);
    return {};
  }

  bool can_receive() noexcept override { return reader.can_receive(); }
  bool reads_ahead() const noexcept override { return format.type == Type::stream && !format.has_handles(); }
  std::span<std::byte> space() override { return reader.space(); }
  void commit(std::size_t count) noexcept override { reader.commit(count); }

  Format format;
  std::error_code refusal;  // of what the options ask for, to every call
  KeptHandles kept;
  MessageReader reader;
  MessageWriter writer;
};

using ChannelPointer = std::shared_ptr<MessageChannel>;

/// Calls `function(channel)` with a clear `ec`, if there is a channel.
template <class Function>
auto with_channel(const ChannelPointer& channel, std::error_code& ec, Function function) {
  ec.clear();
  if (channel && !channel->refusal) [[likely]] {
    return function(*channel);
  }
  ec = channel ? channel->refusal : error(Operation::write, Errc::closed);
  return decltype(function(*channel))();
}

inline const LocalAddress& name_of(const LocalStream& stream) noexcept {
  const LocalAddress& peer = stream.peer_address();
  return peer.is_unnamed() ? stream.local_address() : peer;
}

/// The throwing form of a call that takes an error_code.
template <class Function>
auto or_raise_of(std::string_view action, const LocalStream& stream, Function function) {
  return or_raise(
      action, [&stream]() -> const LocalAddress& { return name_of(stream); }, function);
}

inline constexpr std::string_view sending = "send a message to";

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
