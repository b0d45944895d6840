#include "reader.hpp"

#include "core/errors.hpp"
#include "core/stream_call.hpp"
#include "writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

/// Bytes that are read ahead; and the first step of a buffer that grows with a message.
constexpr std::size_t read_ahead_size = 64 * 1024;

/// A queue that grew larger than this for one message gives the memory back after it.
constexpr std::size_t largest_kept = 1024 * 1024;

/// How much memory a message that will have `size` bytes gets when `received` of them are there: the peer has to send
/// half of what it makes us allocate.
std::size_t next_step(std::size_t received, std::size_t size) noexcept {
  return std::min(size, std::max(read_ahead_size, received * 2));
}

void scatter(Bytes from, const ReadBuffers& to) noexcept {
  to.for_each([&](std::span<std::byte> part) {
    const std::size_t count = std::min(part.size(), from.size());
    std::copy_n(from.begin(), count, part.begin());
    from = from.subspan(count);
    return !from.empty();
  });
}

}  // namespace

/// Holds the lock of what has handles, if nobody else does; there is none to hold without handles.
class TriedLock {
 public:
  explicit TriedLock(IncomingHandles* handles) noexcept
      : handles_(handles), is_locked_(handles == nullptr || handles->mutex.try_lock_now()) {}
  TriedLock(const TriedLock&) = delete;
  TriedLock& operator=(const TriedLock&) = delete;
  ~TriedLock() {
    if (handles_ != nullptr && is_locked_) handles_->mutex.unlock();
  }
  explicit operator bool() const noexcept { return is_locked_; }

 private:
  IncomingHandles* handles_;
  bool is_locked_;
};

/// The reads of one receive, which are one call. It begins with the first of them: until then nothing has waited.
class Reading {
 public:
  /// With handles, of which senders read as well, it holds their lock.
  Reading(LocalStream& stream, IncomingHandles* handles, const Wait& wait, std::error_code& ec)
      : stream_(stream), handles_(handles), wait_(wait) {
    if (handles_ == nullptr) {
      may_begin_ = StreamCall::may_begin(stream, Operation::read, wait, ec);
      return;
    }
    begin(Type::stream, ec);
    if (!ec) lock_.emplace(handles_->mutex, call_->call(), ec);
    may_begin_ = !ec;
  }

  /// False: what came before the call ends it, also when the message is here already.
  bool may_begin() const noexcept { return may_begin_; }

  LocalStream& stream() noexcept { return stream_; }

  /// Of a sender, in its own call and with its own lock.
  Reading(StreamCall& call, LocalStream& stream, IncomingHandles& handles, const Wait& wait) noexcept
      : stream_(stream), handles_(&handles), wait_(wait), other_call_(&call) {}

  std::size_t some(const ReadBuffers& to, std::error_code& ec) {
    if (handles_ == nullptr) begin(Type::stream, ec);
    if (handles_ != nullptr && !handles_->are_over) return with_handles(to, ec);
    return ec ? 0 : call().read_some(to, ec);
  }

  StreamCall& call() noexcept { return other_call_ != nullptr ? *other_call_ : *call_; }

  PacketPart packet(std::span<std::byte> to, std::error_code& ec) {
    begin(Type::packets, ec);
    return ec ? PacketPart() : call_->receive_packet(to, ec);
  }

 private:
  void begin(Type type, std::error_code& ec) {
    if (!call_) call_.emplace(stream_, Operation::read, wait_, ec, type);
  }

  /// Handles in order, each with the bytes that they came with.
  std::size_t with_handles(const ReadBuffers& to, std::error_code& ec) {
    IncomingHandles& in = *handles_;
    in.waiting.reserve(in.waiting.size() + 1);  // nothing may fail once they are ours
    const std::uint64_t begin = in.arrived;
    const std::size_t count = call().read_with_handles(to, in.newest, ec);
    in.arrived += count;
    // A message that is not here whole has had its own: what comes with nothing but its bytes is too much. And the
    // next one's may wait, and those of the one behind it, which came with the rest of a header: there are no third.
    const bool is_too_much = !in.newest.empty() && (in.arrived <= in.message_end || in.waiting.size() > 1);
    if (ec == Errc::malformed_message || is_too_much) {
      in.fail(Errc::malformed_message);
      ec = in.failure;
      return 0;
    }
    if (!in.newest.empty()) in.waiting.push_back({begin, in.arrived, std::exchange(in.newest, {})});
    return count;
  }

  LocalStream& stream_;
  IncomingHandles* handles_;
  const Wait& wait_;
  bool may_begin_ = true;
  StreamCall* other_call_ = nullptr;
  std::optional<StreamCall> call_;
  std::optional<WriterLock> lock_;
};

/// A peer that does not speak the format is found by its first byte that is wrong.
bool MessageReader::read_greeting(Reading& reading, std::error_code& ec) {
  IncomingHandles& in = *handles_;
  while (!in.failure && in.greeted < greeting_size) {
    std::array<std::byte, greeting_size> bytes;
    const auto to = std::span(bytes).first(greeting_size - in.greeted);
    const std::size_t count = reading.some(to, ec);
    if (count == 0) return false;
    const bool is_right = std::equal(to.begin(), to.begin() + static_cast<std::ptrdiff_t>(count),
                                     greeting().begin() + static_cast<std::ptrdiff_t>(in.greeted));
    in.greeted += count;
    if (!is_right || !in.waiting.empty()) in.fail(std::errc::operation_not_supported);
  }
  ec = in.failure;
  if (!ec && !in.is_greeted.exchange(true)) in.mutex.wake_all();
  return !ec;
}

bool MessageReader::take_acknowledgement(const Frame& frame) noexcept {
  IncomingHandles& in = *handles_;
  if (!in.kept.acknowledge(frame.handles)) in.fail(Errc::malformed_message);
  in.mutex.wake_all();
  return !in.failure;
}

/// For a sender, which leaves the queue as it is: somebody may still use the message that was received last.
bool MessageReader::read_acknowledgement(Reading& reading, std::error_code& ec) {
  IncomingHandles& in = *handles_;
  if (in.failure) {
    ec = in.failure;
  } else if (!queue_.empty() || in.begun_size == in.begun.size()) {
    ec = error(Operation::write, std::errc::operation_would_block);  // a message is in front of it
  }
  if (ec) return false;
  const std::size_t count = reading.some(std::span(in.begun).subspan(in.begun_size), ec);
  in.begun_size += count;
  if (count == 0) return false;
  std::size_t scanned = 0;
  const Frame frame = detail::decode(with_handles, Bytes(in.begun).first(in.begun_size), max_size_, scanned);
  if (frame.state != Frame::State::found || frame.kind != FrameKind::acknowledgement) return true;
  in.begun_size = 0;
  if (!take_acknowledgement(frame)) ec = in.failure;
  return !ec;
}

template <class IsMet>
void MessageReader::await(LocalStream& stream, const Wait& wait, std::error_code& ec, IsMet is_met) {
  while (!ec && !is_met()) {
    StreamCall call(stream, Operation::read, wait, ec);
    if (ec || !handles_->mutex.lock_unless(is_met, call.call(), ec)) continue;
    const WriterLock lock(handles_->mutex);
    Reading reading(call, stream, *handles_, wait);
    while (!ec && !is_met()) {
      const bool goes_on = handles_->is_greeted ? read_acknowledgement(reading, ec) : read_greeting(reading, ec);
      if (!goes_on && !ec) ec = error(Operation::write, std::errc::broken_pipe);
    }
  }
}

void MessageReader::await_greeting(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  await(stream, wait, ec, [this] { return handles_->is_greeted.load(); });
}

void MessageReader::await_acknowledgement(LocalStream& stream, std::size_t most_kept, const Wait& wait,
                                          std::error_code& ec) {
  await(stream, wait, ec, [&] { return handles_->kept.size() <= most_kept; });
}

/// Those that came with the bytes that the frame begins in. False: others have come, or none.
bool MessageReader::claim_arrived(const Frame& frame, std::uint64_t at) {
  IncomingHandles& in = *handles_;
  const bool is_one_left = !in.waiting.empty() && in.waiting.front().end <= at;
  if (is_one_left || frame.handles == 0) return !is_one_left;
  if (in.waiting.empty()) return false;
  ArrivedHandles& first = in.waiting.front();
  if (first.begin > at || first.handles.size() != frame.handles) return false;
  in.next = std::move(first.handles);
  in.waiting.erase(in.waiting.begin());
  return true;
}

/// Has the handles of the frame that is first in the queue, once, whatever ends the calls that read it.
bool MessageReader::claim(Reading& reading, const Frame& frame, std::error_code& ec) {
  IncomingHandles& in = *handles_;
  const auto malformed = [&] {
    in.fail(Errc::malformed_message);
    ec = in.failure;
    return false;
  };
  if (in.are_over) return frame.handles == 0 || malformed();
  const std::uint64_t at = in.arrived - queue_.size();
  if (in.claimed_at == at) return true;
  in.next.clear();
  in.next_error.clear();
  if (handles_are_numbers()) {
    if (frame.handles != 0) reading.call().take_from_peer(numbers_in(queue_.bytes(), frame.handles), in.next, ec);
    if (ec == std::errc::permission_denied) in.next_error = std::exchange(ec, {});
    if (ec == Errc::malformed_message) return malformed();
    if (ec) return false;  // something was lacking: the message stays
  } else if (!claim_arrived(frame, at)) {
    return malformed();
  }
  in.claimed_at = at;
  in.message_end = at + frame.total();
  if (handles_need_acknowledgement()) in.unacknowledged += frame.handles;
  return true;
}

std::optional<Frame> MessageReader::next_with_handles(Reading& reading, std::error_code& ec) {
  IncomingHandles& in = *handles_;
  if (!reading.may_begin()) return std::nullopt;
  if (!in.is_greeted && !read_greeting(reading, ec)) {
    if (!ec && in.greeted != 0) ec = error(Operation::read, Errc::malformed_message);  // cut short
    return std::nullopt;
  }
  if (in.begun_size != 0) {
    queue_.reserve(read_ahead_size);
    queue_.append(Bytes(in.begun).first(std::exchange(in.begun_size, 0)));
  }
  while (!in.failure) {
    const Frame frame = decode();
    switch (frame.state) {
      case Frame::State::found:
        if (frame.kind == FrameKind::message) return claim(reading, frame, ec) ? std::optional(frame) : std::nullopt;
        queue_.consume(frame.total());
        take_acknowledgement(frame);
        break;
      case Frame::State::incomplete:
        make_space();
        if (!read_ahead(reading, ec)) return std::nullopt;
        break;
      case Frame::State::too_large:
        in.fail(Errc::message_too_large);
        break;
      case Frame::State::malformed:
        in.fail(Errc::malformed_message);
    }
  }
  ec = in.failure;
  return std::nullopt;
}

MessageReader::MessageReader(const Format& format, std::size_t max_size, Bytes unread)
    // So that the size of a header and of a message can be added.
    : format_(format), max_size_(std::min(max_size, SIZE_MAX / 4)) {
  if (format_.type == Type::packets) {
    const Length length = decode_length(unread);
    if (length.state != Length::State::complete) return;
    packet_size_ = static_cast<std::size_t>(length.value);
    unread = unread.subspan(length.header_size);
  }
  if (unread.empty()) return;
  queue_.reserve(std::max(unread.size(), read_ahead_size));
  queue_.append(unread);
}

// A packet that has been looked at goes with its size in front: it may be empty, or not be there whole.
std::vector<std::byte> MessageReader::unread() const {
  std::vector<std::byte> bytes;
  if (packet_size_) {
    Header header;
    const std::size_t size = encode_length(*packet_size_, header);
    bytes.assign(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
  }
  bytes.insert(bytes.end(), queue_.bytes().begin(), queue_.bytes().end());
  return bytes;
}

bool MessageReader::has_message() noexcept {
  const TriedLock lock(handles_.get());
  if (!lock) return false;  // a sender looks for what is for it
  if (format_.type == Type::packets) return has_packet();
  const Frame frame = decode();
  return frame.state == Frame::State::found && frame.total() <= queue_.size();
}

/// For more of a message whose size is not known yet.
void MessageReader::make_space() {
  if (queue_.capacity() > largest_kept && queue_.size() < read_ahead_size) queue_.change_capacity(read_ahead_size);
  const bool is_full = queue_.size() == queue_.capacity();
  queue_.reserve(is_full ? next_step(queue_.size(), max_size_ + read_ahead_size) : queue_.capacity());
}

bool MessageReader::can_receive() noexcept {
  const TriedLock lock(handles_.get());
  if (!lock) return false;
  if (handles_ && handles_->failure) return true;
  if (format_.type == Type::packets) return packet_size_.has_value();
  const Frame frame = decode();
  const bool is_incomplete =
      frame.state == Frame::State::incomplete || (frame.state == Frame::State::found && frame.total() > queue_.size());
  return !is_incomplete;
}

std::span<std::byte> MessageReader::space() {
  if (const Frame frame = decode(); frame.state == Frame::State::found) {
    queue_.reserve(std::max(queue_.capacity(), next_step(queue_.size(), frame.total())));
  } else {
    make_space();
  }
  return queue_.free_space();
}

/// Reads at least one byte into the queue, which has space for it.
bool MessageReader::read_ahead(Reading& reading, std::error_code& ec) {
  const std::size_t count = reading.some(queue_.free_space(), ec);
  queue_.commit(count);
  if (count != 0) return true;
  if (!ec && !queue_.empty()) ec = error(Operation::read, Errc::malformed_message);  // cut short
  return false;
}

/// A packet has its end from the system, and comes into the queue whole.
std::optional<Frame> MessageReader::next_packet(Reading& reading, std::error_code& ec) {
  while (reading.may_begin()) {
    if (packet_size_.value_or(0) > max_size_) {
      ec = error(Operation::read, Errc::message_too_large);
      break;
    }
    if (has_packet()) return Frame{.state = Frame::State::found, .size = *packet_size_};
    if (packet_size_) {
      queue_.reserve(*packet_size_);
    } else {
      make_space();
    }
    const PacketPart part = reading.packet(queue_.free_space(), ec);
    if (part.is_end && packet_size_ && !ec) ec = error(Operation::read, Errc::malformed_message);
    if (part.is_end || (ec && part.taken == 0)) break;
    queue_.commit(part.taken);
    packet_size_ = queue_.size() + part.rest;
    if (ec) break;
  }
  return std::nullopt;
}

std::optional<Frame> MessageReader::next(Reading& reading, std::error_code& ec) {
  if (format_.type == Type::packets) return next_packet(reading, ec);
  if (handles_) return next_with_handles(reading, ec);
  while (reading.may_begin()) {
    const Frame frame = decode();
    if (frame.state == Frame::State::found) [[likely]] {
      return frame;
    }
    if (frame.state != Frame::State::incomplete) {
      const bool is_too_large = frame.state == Frame::State::too_large;
      ec = error(Operation::read, is_too_large ? Errc::message_too_large : Errc::malformed_message);
      break;
    }
    make_space();
    if (!read_ahead(reading, ec)) break;
  }
  return std::nullopt;
}

/// Reads until the whole message is in the queue.
bool MessageReader::complete(Reading& reading, const Frame& frame, std::error_code& ec) {
  while (queue_.size() < frame.total()) {
    queue_.reserve(std::max(queue_.capacity(), next_step(queue_.size(), frame.total())));
    if (!read_ahead(reading, ec)) return false;
  }
  return true;
}

/// Whether it is better read past the queue. Not once it has been interrupted and is in a queue that grew: a caller who
/// polls would make us copy it to and fro each time.
bool MessageReader::is_direct(const Frame& frame) const noexcept {
  return frame.total() > read_ahead_size && queue_.capacity() <= read_ahead_size && queue_.size() < frame.total();
}

std::optional<Bytes> MessageReader::receive(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  Reading reading(stream, handles_.get(), wait, ec);
  const auto frame = next(reading, ec);
  if (!frame || !complete(reading, *frame, ec)) return std::nullopt;
  return take(*frame);
}

std::optional<std::size_t> MessageReader::receive(LocalStream& stream, const ReadBuffers& to, const Wait& wait,
                                                  std::error_code& ec) {
  Reading reading(stream, handles_.get(), wait, ec);
  const auto frame = next(reading, ec);
  if (!frame) return std::nullopt;
  if (frame->size > to.total_size()) {
    ec = error(Operation::read, Errc::message_too_large);
    return std::nullopt;
  }
  if (to.is_single() && is_direct(*frame)) {
    const auto whole = [&](std::size_t) { return to.front().first(frame->size); };
    if (!receive_directly(reading, *frame, whole, ec)) return std::nullopt;
  } else {
    if (!complete(reading, *frame, ec)) return std::nullopt;
    scatter(take(*frame), to);
  }
  return frame->size;
}

template <class Container>
bool MessageReader::receive_growing(LocalStream& stream, Container& message, const Wait& wait, std::error_code& ec) {
  message.clear();
  Reading reading(stream, handles_.get(), wait, ec);
  const auto frame = next(reading, ec);
  if (!frame) return false;
  if (is_direct(*frame)) {
    const auto grow = [&](std::size_t received) {
      message.resize(next_step(received, frame->size));
      return std::as_writable_bytes(std::span(message));
    };
    if (receive_directly(reading, *frame, grow, ec)) return true;
    message.clear();
    return false;
  }
  if (!complete(reading, *frame, ec)) return false;
  // Taken only when it has been copied: assign may throw bad_alloc.
  const auto payload = queue_.bytes().subspan(frame->header_size, frame->size);
  const auto* const begin = reinterpret_cast<const typename Container::value_type*>(payload.data());
  message.assign(begin, begin + payload.size());
  take(*frame);
  return true;
}

bool MessageReader::receive(LocalStream& stream, std::vector<std::byte>& message, const Wait& wait,
                            std::error_code& ec) {
  return receive_growing(stream, message, wait, ec);
}

bool MessageReader::receive(LocalStream& stream, std::string& message, const Wait& wait, std::error_code& ec) {
  return receive_growing(stream, message, wait, ec);
}

/// Reads the message into what `grow(received)` gives: memory for more bytes than that, with those received so far.
/// Whatever is read beyond the message goes into the queue, by the same system call (Unix). The header stays there
/// until the message is whole.
template <class Grow>
bool MessageReader::receive_directly(Reading& reading, const Frame& frame, Grow grow, std::error_code& ec) {
  std::span<std::byte> to = grow(queue_.size() - frame.header_size);
  std::size_t received = queue_.size() - frame.header_size;
  std::memcpy(to.data(), queue_.bytes().data() + frame.header_size, received);
  queue_.drop_back(received);
  queue_.reserve(queue_.capacity());

  const auto put_back = [&]() noexcept {
    try {
      queue_.reserve(std::max(read_ahead_size, next_step(frame.header_size + received, frame.total())));
      queue_.append(to.first(received));
    } catch (const std::bad_alloc&) {
      reading.stream().close();  // what follows would be taken for a header
    }
  };
  try {
    for (;;) {
      const bool ends_here = to.size() == frame.size;
      const std::array parts{to.subspan(received), ends_here ? queue_.free_space() : std::span<std::byte>()};
      const std::size_t count = reading.some(parts, ec);
      if (count == 0) break;
      const std::size_t ours = std::min(count, parts[0].size());
      queue_.commit(count - ours);
      received += ours;
      if (received == frame.size) {
        queue_.consume(frame.header_size);
        scanned_ = 0;
        return true;
      }
      if (received == to.size()) to = grow(received);
    }
  } catch (const std::bad_alloc&) {
    put_back();
    throw;
  }
  put_back();
  if (!ec) ec = error(Operation::read, Errc::malformed_message);
  return false;
}

std::optional<std::size_t> MessageReader::next_size(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  Reading reading(stream, handles_.get(), wait, ec);
  const auto frame = next(reading, ec);
  return frame ? std::optional(frame->size) : std::nullopt;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
