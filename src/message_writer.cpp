#include "message_writer.hpp"

#include "failure.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace localsocket::detail {
namespace {

/// Up to here a copy costs less than telling the system about a second buffer.
constexpr std::size_t small_size = 512;

}  // namespace

struct MessageWriter::Message {
  explicit Message(std::span<const Bytes> parts) noexcept : payload(parts) {
    for (const Bytes& part : parts) size += part.size();
    header_size = encode_length(size, header);
  }

  std::size_t total() const noexcept { return header_size + size; }
  Bytes head() const noexcept { return Bytes(header).first(header_size); }

  std::span<const Bytes> payload;
  std::size_t size = 0;
  std::size_t header_size;
  Header header;
};

MessageWriter::MessageWriter(std::size_t max_size, std::size_t batch_size, Bytes unsent)
    : max_size_(max_size), batch_size_(batch_size) {
  if (unsent.empty()) return;
  queue_.reserve(unsent.size());
  queue_.append(unsent);
  publish();
}

bool MessageWriter::check(const Message& message, std::error_code& ec) const noexcept {
  if (message.size <= max_size_) return true;
  ec = error(Operation::transfer, Errc::message_too_large);
  return false;
}

bool MessageWriter::send(LocalStream& stream, std::span<const Bytes> payload, const Wait& wait, std::error_code& ec) {
  const Message message(payload);
  if (!check(message, ec)) return false;
  const Turn::Holder holder(turn_, stream, wait, ec);
  if (ec) return false;
  const bool taken = write(stream, message, holder.wait(), ec);
  publish();
  return taken;
}

bool MessageWriter::queue(LocalStream& stream, std::span<const Bytes> payload, const Wait& wait, std::error_code& ec) {
  const Message message(payload);
  if (!check(message, ec)) return false;
  const Turn::Holder holder(turn_, stream, wait, ec);
  if (ec) return false;
  bool taken = true;
  if (message.total() > batch_size_) {
    taken = write(stream, message, holder.wait(), ec);
  } else {
    if (queue_.size() + message.total() > batch_size_) write_queue(stream, holder.wait(), ec);
    // An error may have left room, but whoever sees one would send the message again.
    if (ec) {
      taken = false;
    } else {
      queue_.reserve(batch_size_);
      append(message, 0);
    }
  }
  publish();
  return taken;
}

void MessageWriter::flush(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  const Turn::Holder holder(turn_, stream, wait, ec);
  if (ec) return;
  write_queue(stream, holder.wait(), ec);
  publish();
}

void MessageWriter::write_queue(LocalStream& stream, const Wait& wait, std::error_code& ec) {
  queue_.consume(stream.write_all(queue_.bytes(), wait, ec));
  give_back_memory();
}

/// The rest of a large message may have made the queue larger than queue() needs.
void MessageWriter::give_back_memory() noexcept {
  if (queue_.empty() && queue_.capacity() > batch_size_) queue_ = ByteQueue();
}

/// Writes the queue and the message, by one system call if the connection takes it all.
bool MessageWriter::write(LocalStream& stream, const Message& message, const Wait& wait, std::error_code& ec) {
  if (queue_.empty() && message.total() <= small_size) return write_small(stream, message, wait, ec);
  parts_.clear();
  parts_.push_back(queue_.bytes());
  parts_.push_back(message.head());
  parts_.insert(parts_.end(), message.payload.begin(), message.payload.end());
  const std::size_t written = stream.write_all(std::span<const Bytes>(parts_), wait, ec);
  return keep_rest(stream, message, written);
}

bool MessageWriter::write_small(LocalStream& stream, const Message& message, const Wait& wait, std::error_code& ec) {
  std::array<std::byte, small_size> bytes;
  std::byte* end = std::copy_n(message.header.data(), message.header_size, bytes.data());
  for (const Bytes& part : message.payload) end = std::ranges::copy(part, end).out;
  const std::size_t written = stream.write_all(Bytes(bytes).first(message.total()), wait, ec);
  return keep_rest(stream, message, written);
}

/// After a write of the queue and the message; returns whether any of the message was written.
bool MessageWriter::keep_rest(LocalStream& stream, const Message& message, std::size_t written) {
  const std::size_t of_queue = std::min(written, queue_.size());
  queue_.consume(of_queue);
  written -= of_queue;
  if (written == message.total()) [[likely]] {
    give_back_memory();
    return true;
  }
  if (written == 0) return false;
  try {
    queue_.reserve(message.total() - written);
  } catch (const std::bad_alloc&) {
    stream.close();  // the peer would take what follows for the rest
    throw;
  }
  append(message, written);
  return true;
}

/// Appends the message without its first bytes; there is room.
void MessageWriter::append(const Message& message, std::size_t skip) {
  const auto append_part = [&](Bytes part) {
    const std::size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    queue_.append(part.subspan(skipped));
  };
  append_part(message.head());
  for (const Bytes& part : message.payload) append_part(part);
}

}  // namespace localsocket::detail
