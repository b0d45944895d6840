#include "writer.hpp"

#include "core/errors.hpp"
#include "core/stream_call.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

/// Up to here a copy costs less than telling the system about a second buffer.
constexpr std::size_t small_size = 512;

}  // namespace

/// A send or flush: one call, in which it waits for the mutex and then writes.
class WriterCall {
 public:
  WriterCall(WriterMutex& mutex, LocalStream& stream, const Wait& wait, std::error_code& ec, Type type = Type::stream)
      : stream_(stream), call_(stream, Operation::write, wait, ec, type) {
    if (!ec) lock_.emplace(mutex, call_.call(), ec);
  }

  StreamCall& call() noexcept { return call_; }
  LocalStream& stream() noexcept { return stream_; }

 private:
  LocalStream& stream_;
  StreamCall call_;
  std::optional<WriterLock> lock_;
};

MessageWriter::MessageWriter(const Format& format, std::size_t max_size, Bytes unsent)
    : format_(format),
      max_size_(static_cast<std::size_t>(std::min<std::uint64_t>(max_size, largest_size(format.framing)))),
      has_rest_(!unsent.empty()) {
  if (unsent.empty()) return;
  rest_.reserve(unsent.size());
  rest_.append(unsent);
}

bool MessageWriter::accepts_bytes(const Message& message, std::error_code& ec) const noexcept {
  if (message.size > max_size_) {
    ec = error(Operation::write, Errc::message_too_large);
  } else if (!is_kept_whole(format_.framing, message.payload)) {
    ec = error(Operation::other, std::errc::invalid_argument);
  }
  return !ec;
}

bool MessageWriter::send(LocalStream& stream, const WriteBuffers& payload, const Wait& wait, std::error_code& ec) {
  if (format_.type == Type::packets) return send_packet(stream, payload, wait, ec);
  const Message message(format_.framing, payload);
  if (!accepts(message, ec)) return false;
  WriterCall writing(mutex_, stream, wait, ec);
  if (ec) return false;
  if (rest_.empty() && message.total_size <= small_size) return write_small(writing, message, ec) != 0;
  parts_.assign({rest_.bytes(), Bytes(message.header).first(message.header_size)});
  payload.for_each([&](Bytes part) {
    parts_.push_back(part);
    return true;
  });
  if (is_delimited(format_.framing)) parts_.push_back(message.trailer());
  const std::size_t written = write(writing, parts_, ec);
  if (written != 0) keep_rest(writing, std::span<const Bytes>(parts_).subspan(1), written);
  return written != 0;
}

void KeptHandles::keep(std::vector<NativeHandle>& handles, std::error_code& ec) {
  std::vector<OwnedHandle> copies;
  copies.reserve(handles.size());
  for (NativeHandle& handle : handles) {
    copies.push_back(duplicate_handle(handle, ec));
    if (ec) return;
    handle = copies.back().native_handle();
  }
  const std::lock_guard lock(mutex_);
  handles_.reserve(handles_.size() + copies.size());
  for (OwnedHandle& copy : copies) handles_.push_back(std::move(copy));
  size_ = handles_.size();
}

void KeptHandles::drop_last(std::size_t count) noexcept {
  const std::lock_guard lock(mutex_);
  count = std::min(count, handles_.size());
  handles_.erase(handles_.end() - static_cast<std::ptrdiff_t>(count), handles_.end());
  size_ = handles_.size();
}

bool KeptHandles::acknowledge(std::size_t count) noexcept {
  const std::lock_guard lock(mutex_);
  if (count > handles_.size()) return false;
  handles_.erase(handles_.begin(), handles_.begin() + static_cast<std::ptrdiff_t>(count));
  size_ = handles_.size();
  return true;
}

bool MessageWriter::send(LocalStream& stream, const WriteBuffers& payload, std::span<const NativeHandle> handles,
                         KeptHandles& kept, const Wait& wait, std::error_code& ec) {
  const Message message(format_.framing, payload);
  if (!accepts(message, ec)) return false;
  WriterCall writing(mutex_, stream, wait, ec);
  if (ec) return false;
  // The system passes them with the first byte of their own write.
  if (!rest_.empty()) write(writing, rest_.bytes(), ec);
  if (ec) return false;
  if (!handles_need_acknowledgement()) return write_handles(writing, message, handles, ec);
  std::vector<NativeHandle> copies(handles.begin(), handles.end());
  kept.keep(copies, ec);
  if (ec) return false;
  try {
    const bool is_sent = write_handles(writing, message, copies, ec);
    if (!is_sent) kept.drop_last(copies.size());
    return is_sent;
  } catch (const std::bad_alloc&) {
    kept.drop_last(copies.size());
    throw;
  }
}

bool MessageWriter::write_handles(WriterCall& writing, const Message& message, std::span<const NativeHandle> handles,
                                  std::error_code& ec) {
  const std::vector<std::byte> header = header_with_handles(message.size, handles);
  parts_.assign({Bytes(header)});
  message.payload.for_each([&](Bytes part) {
    parts_.push_back(part);
    return true;
  });
  const std::size_t first = writing.call().write_with_handles(std::span<const Bytes>(parts_), handles, ec);
  if (first == 0) return false;
  WriteBuffers others(parts_);
  others.advance(first);
  const std::size_t written = ec || others.empty() ? 0 : writing.call().write_all(others, ec);
  keep_rest(writing, std::span<const Bytes>(parts_), first + written);
  return true;
}

void MessageWriter::greet(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  if (has_greeted_) return;
  WriterCall writing(mutex_, stream, wait, ec);
  if (ec || has_greeted_) return;
  const std::size_t written = writing.call().write_all(greeting(), ec);
  has_greeted_ = written != 0;
  if (has_greeted_) keep_rest(writing, greeting(), written);
}

void MessageWriter::acknowledge(LocalStream& stream, std::atomic<std::size_t>& count, const Wait& wait,
                                std::error_code& ec) {
  if (count == 0) return;
  WriterCall writing(mutex_, stream, wait, ec);
  while (!ec && count != 0) {
    const std::size_t told = std::min(count.load(), most_handles);
    const auto frame = acknowledgement_of(told);
    parts_.assign({rest_.bytes(), Bytes(frame)});
    const std::size_t written = write(writing, parts_, ec);
    if (written == 0) break;
    keep_rest(writing, Bytes(frame), written);
    count -= told;
  }
}

/// One message is one write: it takes its parts in one piece.
bool MessageWriter::send_packet(LocalStream& stream, const WriteBuffers& payload, const Wait& wait,
                                std::error_code& ec) {
  if (payload.total_size() > max_size_) {
    ec = error(Operation::write, Errc::message_too_large);
    return false;
  }
  WriterCall writing(mutex_, stream, wait, ec, Type::packets);
  if (ec) return false;
  Bytes message = payload.front();
  if (!payload.is_single()) {
    rest_.reserve(payload.total_size());
    payload.for_each([&](Bytes part) {
      rest_.append(part);
      return true;
    });
    message = rest_.bytes();
  }
  const PacketFate fate = writing.call().send_packet(message, ec);
  rest_.consume(rest_.size());
  // The peer would take what follows for the rest.
  if (fate == PacketFate::torn) stream.close();
  return fate == PacketFate::sent;
}

std::size_t MessageWriter::send_framed(LocalStream& stream, Bytes messages, const Wait& wait, std::error_code& ec) {
  WriterCall writing(mutex_, stream, wait, ec, format_.type);
  if (ec || (rest_.empty() && messages.empty())) return 0;
  const std::array parts{rest_.bytes(), messages};
  const std::size_t written = write(writing, parts, ec);
  if (written == messages.size()) [[likely]] {
    return written;
  }
  const std::size_t begun = end_of_message(messages, written);
  const Bytes rest = messages.subspan(written, begun - written);
  keep_rest(writing, rest, 0);
  return begun;
}

/// Where the message ends in which the first `written` bytes of these messages end.
std::size_t MessageWriter::end_of_message(Bytes messages, std::size_t written) const noexcept {
  std::size_t end = 0;
  while (end < written) {
    std::size_t scanned = 0;
    end += decode(format_.framing, messages.subspan(end), SIZE_MAX, scanned).total();
  }
  return end;
}

void MessageWriter::flush(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  WriterCall writing(mutex_, stream, wait, ec, format_.type);
  if (ec) return;
  if (rest_.empty()) return;
  const Bytes rest = rest_.bytes();
  write(writing, rest, ec);
}

/// Writes the parts, of which the first is the rest; returns how many bytes of the others were written.
std::size_t MessageWriter::write(WriterCall& writing, const WriteBuffers& parts, std::error_code& ec) {
  const std::size_t written = writing.call().write_all(parts, ec);
  const std::size_t of_rest = std::min(written, rest_.size());
  rest_.consume(of_rest);
  if (rest_.empty() && rest_.capacity() != 0) {
    rest_ = ByteQueue();  // interruptions are rare, and an idle stream has no memory
    has_rest_.store(false, std::memory_order_relaxed);
  }
  return written - of_rest;
}

/// By one plain send; there is no rest.
std::size_t MessageWriter::write_small(WriterCall& writing, const Message& message, std::error_code& ec) {
  std::array<std::byte, small_size> bytes;
  message.copy_to(bytes.data());
  const Bytes framed = Bytes(bytes).first(message.total_size);
  const std::size_t written = writing.call().write_all(framed, ec);
  if (written != 0) keep_rest(writing, framed, written);
  return written;
}

/// Keeps what is left of a message of which `written` bytes are written. The rest before it is empty then.
void MessageWriter::keep_rest(WriterCall& writing, WriteBuffers message, std::size_t written) {
  message.advance(written);
  if (message.empty()) [[likely]] {
    return;
  }
  try {
    rest_.reserve(message.total_size());
  } catch (const std::bad_alloc&) {
    writing.stream().close();  // the peer would take what follows for the rest
    throw;
  }
  message.for_each([&](Bytes part) {
    rest_.append(part);
    return true;
  });
  has_rest_.store(true, std::memory_order_relaxed);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
