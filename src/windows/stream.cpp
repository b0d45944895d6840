#include "stream.hpp"

#include "overlapped.hpp"
#include "peer.hpp"
#include "pending_write.hpp"
#include "pipe.hpp"
#include "process.hpp"
#include "read_probe.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {
namespace {

// ReadFile and WriteFile take a DWORD; no pipe moves as much at once.
constexpr std::size_t largest_read = std::size_t{1} << 30;

bool serves(const PipeInfo& info, Type type) noexcept {
  return type == Type::packets ? info.has_messages : !info.has_messages || !info.is_for_packets;
}

std::error_code error_of(Operation operation, const Completion& completion) noexcept {
  if (completion.why != Interruption::none) return error(operation, completion.why);
  // Nothing was moved, and nothing failed: somebody who shares the pipe's end has set PIPE_NOWAIT.
  if (completion.error == ERROR_SUCCESS) return error(operation, std::errc::operation_would_block);
  return native_error(operation, static_cast<int>(completion.error));
}

// A write that is still pending and no larger than the pipe's buffer has had nothing taken: a write completes as soon
// as all that is queued fits the buffer. So when it is cancelled, "0 bytes" is the truth, and the count of what was
// moved is exact. Of a larger one the reader may have had a part, which a cancelled WriteFile does not report.
DWORD largest_write_to(const std::optional<PipeInfo>& info) noexcept {
  const DWORD buffer = info ? info->write_buffer_size : 0;
  return buffer != 0 ? buffer : default_buffer_size;  // no buffer: the count of an interrupted write is a lower bound
}

// FlushFileBuffers has no OVERLAPPED (its documentation).
Completion flush(HANDLE pipe, Call& call) noexcept {
  return perform_on_helper_thread(call, [pipe](Completion& result) {
    if (!sys("FlushFileBuffers", ::FlushFileBuffers, pipe)) result.error = ::GetLastError();
  });
}

}  // namespace

Stream::Stream(Stream&& other) noexcept { *this = std::move(other); }

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    pipe_ = other.pipe_.exchange(invalid_handle);
    type_ = other.type_;
    has_messages_ = other.has_messages_.load();
    largest_write_ = other.largest_write_.load();
    read_ended_ = other.read_ended_.load();
    write_ended_ = other.write_ended_.load();
    delete probe_.exchange(other.probe_.exchange(nullptr));
    PendingWrite* const old = pending_write_.exchange(other.pending_write_.exchange(nullptr));
    if (old != nullptr) old->drop();
  }
  return *this;
}

Stream::~Stream() {
  close();
  delete probe_.load();
  if (PendingWrite* const pending = pending_write_.load()) pending->drop();
}

// CloseHandle keeps what was written for the reader; DisconnectNamedPipe would throw it away (its documentation).
// It would cancel a pending write, though: that one takes the handle over then, and closes it in the end.
void Stream::close() noexcept {
  Handle closing(pipe_.exchange(invalid_handle));
  PendingWrite* const pending = pending_write_.load();
  if (pending != nullptr && closing.is_open()) pending->hand_over(std::move(closing));
}

NativeHandle Stream::release() noexcept {
  const HANDLE pipe = pipe_.exchange(invalid_handle);
  if (PendingWrite* const pending = pending_write_.load(); pending != nullptr && !pending->is_free()) {
    std::error_code none_left;
    pending->hand_over(duplicate_of(pipe, none_left));
  }
  return pipe;
}

Stream Stream::adopt(NativeHandle handle, std::error_code& ec) {
  const std::optional<PipeInfo> info = prepare_pipe(handle, false, ec);
  if (ec) return {};
  Stream stream(handle);
  stream.learn(info);
  return stream;
}

std::pair<Stream, Stream> Stream::pair(Type type, std::error_code& ec) {
  const std::wstring name = to_wide(LocalAddress::unique().native());
  const PipeMaker maker(name, {.type = type}, ec);
  if (ec) return {};
  Handle server = maker.make(true, ec);
  if (ec) return {};
  // The instance listens from birth and is connected when the client is: ConnectNamedPipe would only say so (535).
  Handle client = open_client(name, {}, ec);
  if (ec) return {};
  if (type == Type::packets && !set_modes(client.get(), {.has_messages = true})) {
    ec = last_error(Operation::other);
    return {};
  }
  return {Stream(server.release(), type), Stream(client.release(), type)};
}

Stream Stream::connect(LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  Stream stream(open_client(to_wide(address.native()), options, ec).release(), options.type);
  if (!ec) {
    const std::optional<PipeInfo> info = info_of(stream.handle());
    const bool needs_modes = info && info->has_messages && options.direction != Direction::client_to_server;
    if (!info || (needs_modes && !set_modes(stream.handle(), *info))) ec = last_error(Operation::connect);
    if (!ec && !serves(*info, options.type)) ec = error(Operation::connect, std::errc::wrong_protocol_type);
    stream.learn(info);
  }
  if (!ec) check_trust(stream.handle(), trust_of(address, options), ec);
  return ec ? Stream() : std::move(stream);
}

NativeHandle Stream::connect_for_child(LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  Handle pipe = open_client_for_child(to_wide(address.native()), options, ec);
  if (!ec) check_trust(pipe.get(), trust_of(address, options), ec);
  return ec ? invalid_handle : pipe.release();
}

// The handle is synchronous: it waits, whatever OVERLAPPED says.
std::size_t Stream::write_for_child(NativeHandle handle, const WriteBuffers& from, Call& call, std::error_code& ec) {
  const std::span<const std::byte> bytes = from.front();
  const auto size = static_cast<DWORD>(std::min<std::size_t>(bytes.size(), largest_write_to(info_of(handle))));
  const Completion completion = perform_on_helper_thread(call, [&](Completion& result) {
    const bool written = sys("WriteFile", ::WriteFile, handle, static_cast<const void*>(bytes.data()), size,
                             &result.bytes, LPOVERLAPPED{nullptr});
    if (!written) result.error = ::GetLastError();
  });
  if (completion.bytes == 0) ec = error_of(Operation::write, completion);
  return completion.bytes;
}

void Stream::await_capacity(const LocalAddress& address, Call& call, Clock::duration time) {
  const Waiter waiter(call);  // whoever looks sees that the call waits, although nothing can wake it before its time
  // WaitNamedPipe cannot be interrupted, so it gets short waits; 0 would mean the pipe's own default (its
  // documentation).
  constexpr std::chrono::milliseconds longest_wait{10};
  const std::wstring name = to_wide(address.native());
  for (const Clock::time_point until = Wait(time).deadline(Clock::now()); Clock::now() < until;) {
    const DWORD wait = std::max<DWORD>(1, to_milliseconds(std::min<Clock::duration>(longest_wait, call.remaining())));
    if (sys("WaitNamedPipeW", ::WaitNamedPipeW, name.c_str(), wait)) return;
    if (::GetLastError() != ERROR_SEM_TIMEOUT || call.refused() != Interruption::none) return;
  }
}

Completion Stream::read_once(std::span<std::byte> to, Call& call) noexcept {
  const auto size = static_cast<DWORD>(std::min(to.size(), largest_read));
  return perform(handle(), call, [&](OVERLAPPED* operation) {
    return sys("ReadFile", ::ReadFile, handle(), static_cast<void*>(to.data()), size, LPDWORD{nullptr}, operation);
  });
}

Completion Stream::write_once(std::span<const std::byte> bytes, Call& call) noexcept {
  PendingWrite* const pending = pending_write_.load(std::memory_order_acquire);
  if (pending != nullptr) [[unlikely]] {
    return write_beside(*pending, bytes, call);
  }
  return write_pipe(bytes, call);
}

// Behind what is under way, so that the order is kept. What cannot wait is left to the pending write, if that is free.
Completion Stream::write_beside(PendingWrite& pending, std::span<const std::byte> bytes, Call& call) noexcept {
  const bool may_wait = call.may_block_for(Clock::duration(1));
  Completion completion = pending.await(call);
  if (completion.error != ERROR_SUCCESS) return completion;
  completion = write_pipe(bytes, call);
  const bool is_refused = completion.why == Interruption::would_block || completion.why == Interruption::timed_out;
  const std::size_t most = std::min(largest_write(), PendingWrite::largest);
  if (may_wait || !is_refused || (type_ == Type::packets && bytes.size() > most)) return completion;
  pending.begin(handle(), bytes.first(std::min(bytes.size(), most)), completion);
  return completion;
}

Completion Stream::write_pipe(std::span<const std::byte> bytes, Call& call) noexcept {
  const auto size = static_cast<DWORD>(bytes.size());
  return perform(handle(), call, [&](OVERLAPPED* operation) {
    return sys("WriteFile", ::WriteFile, handle(), static_cast<const void*>(bytes.data()), size, LPDWORD{nullptr},
               operation);
  });
}

std::size_t Stream::read(const ReadBuffers& to, Call& call, std::error_code& ec) noexcept {
  if (read_ended_) return 0;
  if (ReadProbe* const probe = probe_.load(std::memory_order_acquire)) [[unlikely]] {
    const std::size_t count = read_beside(*probe, to.front(), call, ec);
    probe->end_read();
    return count;
  }
  return read_pipe(to.front(), call, ec);
}

// What a probe has got comes first, and what is there behind its byte comes with it.
std::size_t Stream::read_beside(ReadProbe& probe, std::span<std::byte> buffer, Call& call,
                                std::error_code& ec) noexcept {
  std::byte byte{};
  switch (probe.begin_read(handle(), byte)) {
    case ReadProbe::Kept::nothing:
      return read_pipe(buffer, call, ec);
    case ReadProbe::Kept::end:
      read_ended_ = true;
      return 0;
    case ReadProbe::Kept::byte:
    case ReadProbe::Kept::part:
      break;
  }
  buffer.front() = byte;
  std::error_code of_the_next_read;
  const bool is_more = buffer.size() > 1 && peek(of_the_next_read).value_or(0) != 0;
  return is_more ? 1 + read_pipe(buffer.subspan(1), call, of_the_next_read) : 1;
}

std::size_t Stream::read_pipe(std::span<std::byte> buffer, Call& call, std::error_code& ec) noexcept {
  for (;;) {
    const Completion completion = read_once(buffer, call);
    if (completion.bytes > 0) return completion.bytes;
    if (completion.error == ERROR_BROKEN_PIPE || completion.error == ERROR_PIPE_NOT_CONNECTED) return 0;
    if (completion.error != ERROR_SUCCESS) {
      ec = error_of(Operation::read, completion);
      return 0;
    }
    // Somebody wrote zero bytes: the end on a message-type pipe, nothing on a byte-type one. Whoever does it all the
    // time must not keep us here.
    read_ended_ = has_messages();
    if (read_ended_) return 0;
    if (const Interruption why = call.ended(); why != Interruption::none) {
      ec = error(Operation::read, why);
      return 0;
    }
  }
}

void Stream::learn(const std::optional<PipeInfo>& info) noexcept {
  if (!info) return;
  has_messages_.store(info->has_messages, std::memory_order_relaxed);
  largest_write_.store(largest_write_to(info), std::memory_order_release);  // says that both are known
}

// An accepted end asks when it has to know first.
std::size_t Stream::largest_write() noexcept {
  const std::uint32_t known = largest_write_.load(std::memory_order_acquire);
  if (known != 0) return known;
  const std::optional<PipeInfo> info = info_of(handle());
  learn(info);
  return largest_write_to(info);
}

bool Stream::has_messages() noexcept {
  static_cast<void>(largest_write());
  return has_messages_.load(std::memory_order_relaxed);
}

std::size_t Stream::write_one(std::span<const std::byte> bytes, Call& call, std::error_code& ec) noexcept {
  const Completion completion = write_once(bytes.first(std::min(bytes.size(), largest_write())), call);
  if (completion.bytes == 0) ec = error_of(Operation::write, completion);
  return completion.bytes;
}

std::size_t Stream::write_gathered(const WriteBuffers& from, Call& call, std::error_code& ec) noexcept {
  std::byte gathered[default_buffer_size];
  std::span<std::byte> space = std::span(gathered).first(std::min(largest_write(), sizeof gathered));
  std::size_t size = 0;
  from.for_each([&](std::span<const std::byte> span) {
    span = span.first(std::min(span.size(), space.size() - size));
    std::memcpy(gathered + size, span.data(), span.size());
    size += span.size();
    return size < space.size();
  });
  return write_one(space.first(size), call, ec);
}

std::size_t Stream::write(const WriteBuffers& from, Call& call, std::error_code& ec) noexcept {
  if (write_ended_) {
    ec = native_error(Operation::write, ERROR_NO_DATA);
    return 0;
  }
  // There is no gathering write for pipes. A buffer that fills a write by itself is not copied.
  const bool gathers = !from.is_single() && from.front().size() < std::min(largest_write(), default_buffer_size);
  return gathers ? write_gathered(from, call, ec) : write_one(from.front(), call, ec);
}

PacketPart Stream::receive_packet(std::span<std::byte> to, Call& call, std::error_code& ec) noexcept {
  ReadProbe* const probe = probe_.load(std::memory_order_acquire);
  if (probe == nullptr) [[likely]] {
    return receive_from_pipe(to, call, ec);
  }
  PacketPart part;
  std::byte byte{};
  switch (probe->begin_read(handle(), byte)) {
    case ReadProbe::Kept::nothing:
      part = receive_from_pipe(to, call, ec);
      break;
    case ReadProbe::Kept::end:  // of packets an empty one
      break;
    case ReadProbe::Kept::part:
      part.rest = rest_of_message(ec);
      [[fallthrough]];
    case ReadProbe::Kept::byte:
      to.front() = byte;
      part.taken = 1;
      break;
  }
  probe->end_read();
  return part;
}

PacketPart Stream::receive_from_pipe(std::span<std::byte> to, Call& call, std::error_code& ec) noexcept {
  const Completion completion = read_once(to, call);
  if (completion.error == ERROR_BROKEN_PIPE || completion.error == ERROR_PIPE_NOT_CONNECTED) return {.is_end = true};
  if (completion.error != ERROR_SUCCESS) {
    ec = error_of(Operation::read, completion);
    return {};
  }
  return {.taken = completion.bytes, .rest = completion.has_more ? rest_of_message(ec) : 0};
}

// At least a byte, also where it cannot be told.
std::size_t Stream::rest_of_message(std::error_code& ec) const noexcept {
  DWORD rest = 0;
  const bool known = sys("PeekNamedPipe", ::PeekNamedPipe, handle(), LPVOID{nullptr}, DWORD{0}, LPDWORD{nullptr},
                         LPDWORD{nullptr}, &rest);
  if (!known) {
    const DWORD why = ::GetLastError();
    ec =
        why == ERROR_BROKEN_PIPE ? error(Operation::read, Errc::malformed_message) : native_error(Operation::read, why);
  }
  return std::max<std::size_t>(rest, 1);
}

PacketFate Stream::send_packet(std::span<const std::byte> message, Call& call, std::error_code& ec) noexcept {
  if (message.size() > largest_read) {
    ec = error(Operation::write, Errc::message_too_large);
    return PacketFate::unsent;
  }
  const Completion completion = write_once(message, call);
  if (completion.error == ERROR_SUCCESS) return PacketFate::sent;
  ec = error_of(Operation::write, completion);
  // See largest_write_to().
  const bool may_be_torn =
      completion.has_begun && completion.why != Interruption::none && message.size() > largest_write();
  return may_be_torn ? PacketFate::torn : PacketFate::unsent;
}

void Stream::shutdown(Shutdown how, Call& call, std::error_code& ec) noexcept {
  // A byte-type pipe ends as a whole, and no pipe can refuse what the peer writes.
  if (how != Shutdown::write || !has_messages()) {
    ec = error(Operation::other, std::errc::operation_not_supported);
    return;
  }
  if (write_ended_.exchange(true)) return;
  PendingWrite* const pending = pending_write_.load(std::memory_order_acquire);
  if (pending != nullptr && pending->end_behind()) return;
  const Completion completion = write_once(std::as_bytes(std::span("", 0)), call);
  if (completion.error == ERROR_SUCCESS) return;
  write_ended_ = false;
  ec = error_of(Operation::write, completion);
}

bool Stream::drain(Call& call, std::error_code& ec) noexcept {
  Completion completion;
  if (PendingWrite* const pending = pending_write_.load(std::memory_order_acquire)) completion = pending->await(call);
  if (completion.error == ERROR_SUCCESS) completion = flush(handle(), call);
  if (completion.why == Interruption::timed_out) return false;
  if (completion.error != ERROR_SUCCESS) ec = error_of(Operation::write, completion);
  return !ec;
}

// How many bytes are there; nothing at the end of the stream, which is no error.
std::optional<std::size_t> Stream::peek(std::error_code& ec) const noexcept {
  DWORD bytes = 0;
  const bool known = sys("PeekNamedPipe", ::PeekNamedPipe, handle(), LPVOID{nullptr}, DWORD{0}, LPDWORD{nullptr},
                         &bytes, LPDWORD{nullptr});
  if (known) return bytes;
  if (::GetLastError() != ERROR_BROKEN_PIPE) ec = last_error(Operation::read);
  return std::nullopt;
}

std::size_t Stream::available(std::error_code& ec) const noexcept {
  if (read_ended_) return 0;
  const ReadProbe* const probe = probe_.load(std::memory_order_acquire);
  return peek(ec).value_or(0) + (probe != nullptr && probe->has_byte() ? 1 : 0);
}

void Stream::make_probe(std::error_code& ec) {
  if (probe_.load() != nullptr) return;
  auto probe = std::make_unique<ReadProbe>(ec);
  ReadProbe* none = nullptr;
  if (!ec && probe_.compare_exchange_strong(none, probe.get())) static_cast<void>(probe.release());
}

void Stream::make_pending_write(std::error_code& ec) {
  if (pending_write_.load() != nullptr) return;
  PendingWrite* const pending = PendingWrite::make(ec);
  PendingWrite* none = nullptr;
  if (!ec && !pending_write_.compare_exchange_strong(none, pending)) pending->drop();
}

bool Stream::can_write() noexcept { return write_ended_ || pending_write_.load()->is_free(); }

NativeHandle Stream::write_event() const noexcept { return pending_write_.load()->event(); }

bool Stream::probe() noexcept { return read_ended_ || probe_.load()->look(handle(), has_messages()); }

NativeHandle Stream::probe_event() const noexcept { return probe_.load()->event(); }

void Stream::end_probe() noexcept { probe_.load()->end(handle()); }

bool Stream::is_peer_gone(std::error_code& ec) const noexcept { return !peek(ec) && !ec; }

Stream Stream::duplicate(std::error_code& ec) const noexcept {
  const HANDLE handle_of_copy = duplicate_of(handle(), ec).release();
  if (ec) return {};
  Stream copy(handle_of_copy, type_);
  copy.has_messages_ = has_messages_.load();
  copy.largest_write_ = largest_write_.load();
  copy.read_ended_ = read_ended_.load();
  copy.write_ended_ = write_ended_.load();
  return copy;
}

PeerIdentity Stream::peer(std::error_code& ec) const { return peer_of(handle(), ec); }

ProcessOfPeer Stream::peer_process(std::error_code& ec) const noexcept { return process_of_peer(handle(), ec); }

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
