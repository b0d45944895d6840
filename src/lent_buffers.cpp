#include <localsocket/lent_buffers.hpp>
#include <localsocket/shared_memory.hpp>

#include "core/errors.hpp"
#include "core/handle_passing.hpp"
#include "core/little_endian.hpp"
#include "generation.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <string_view>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace detail {

/// A bit for each buffer.
using BufferSet = std::uint64_t;
constexpr BufferSet only(std::size_t index) noexcept { return BufferSet{1} << index; }

/// How the buffers lie in the memory.
struct BufferLayout {
  std::size_t buffers = 0;
  std::size_t buffer_size = 0;

  static constexpr std::size_t alignment = 4096;

  bool has_some() const noexcept { return buffers >= 1 && buffers <= BufferLender::most_buffers && buffer_size >= 1; }
  /// Whether its size can be said.
  bool fits() const noexcept {
    return buffer_size <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / buffers - alignment;
  }
  std::size_t begin_of(std::size_t index) const noexcept {
    return index * ((buffer_size + alignment - 1) / alignment * alignment);
  }
  std::size_t total_size() const noexcept { return begin_of(buffers); }
  BufferSet all() const noexcept { return ~BufferSet{0} >> (BufferLender::most_buffers - buffers); }
};

/// All that goes over the connection: ten bytes, the numbers with the lowest byte first.
struct PoolMessage {
  enum class Kind : unsigned char {
    set_up = 1,     // number: of buffers; value: the size of each. It comes with the memory, and first.
    lend = 2,       // number: the buffer; value: how many bytes of it
    give_back = 3,  // value: a BufferSet
  };
  using Bytes = std::array<std::byte, 2 + size_of_number>;

  Bytes bytes() const noexcept {
    Bytes to{static_cast<std::byte>(kind), static_cast<std::byte>(number)};
    put_number(value, &to[2]);
    return to;
  }
  static PoolMessage of(const Bytes& from) noexcept {
    return {static_cast<Kind>(from[0]), std::to_integer<unsigned char>(from[1]), number_at(&from[2])};
  }

  Kind kind;
  unsigned char number;
  std::uint64_t value;
};

/// What both ends of a pool have.
class BufferPool {
 public:
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  MessageStream& messages() noexcept { return messages_; }
  const LocalAddress& name() const noexcept { return messages_.stream().name(); }

  /// False: why no call may go on.
  bool may_begin(std::error_code& ec) const noexcept {
    ec = is_of_this_process() ? failure_ : error(Operation::other, Errc::closed);
    return !ec;
  }

 protected:
  BufferPool() noexcept = default;
  ~BufferPool() = default;

  /// A child made by fork has a copy only.
  bool is_of_this_process() const noexcept { return maker_ == process_generation(); }

  bool is_over() const noexcept { return static_cast<bool>(failure_); }

  /// For good.
  void fail(const std::error_code& ec) noexcept {
    failure_ = ec;
    messages_.close();
  }

  /// The same, unless the call may as well be made again.
  void fail_if_final(const std::error_code& ec) noexcept {
    if (!ec) return;
    const bool may_pass = is_temporary(ec) || ec == std::errc::operation_canceled || ec == std::errc::not_enough_memory;
    if (!may_pass) fail(ec);
  }

  /// The next one, in memory that the peer cannot change. Nothing: the end, or an error.
  std::optional<PoolMessage> receive_message(const Wait& wait, std::error_code& ec) {
    PoolMessage::Bytes bytes;
    const auto size = messages_.receive(bytes, wait, ec);
    if (size ? size != bytes.size() : ec == Errc::message_too_large) ec = malformed();
    if (!size || ec) return std::nullopt;
    return PoolMessage::of(bytes);
  }

  static std::error_code malformed() noexcept { return error(Operation::read, Errc::malformed_message); }

  MessageStream messages_;
  SharedMemory memory_;
  BufferLayout layout_;

 private:
  std::error_code failure_;
  const std::uint32_t maker_ = process_generation();
};

namespace {

const Wait& without_waiting() noexcept {
  static const Wait wait(Wait::Clock::duration::zero());
  return wait;
}

/// Of a call of several steps.
Wait of_all_steps(const Wait& wait) noexcept {
  return wait.is_limited() ? Wait(wait.deadline(Wait::Clock::now()), wait.stop_token()) : wait;
}

}  // namespace

class Lending : public BufferPool {
 public:
  /// The buffers, and the message that tells the peer of them.
  bool begin(MessageStream& messages, const BufferLayout& layout, const Wait& wait, std::error_code& ec) {
    memory_ = SharedMemory::create(layout.total_size(), ec);
    if (!ec) memory_.read_only_for_peer(ec);
    if (ec) return false;
    const NativeHandle handles[] = {memory_.handle_for_peer()};
    const PoolMessage set_up{PoolMessage::Kind::set_up, static_cast<unsigned char>(layout.buffers), layout.buffer_size};
    if (!messages.send(set_up.bytes(), handles, wait, ec)) return false;
    ec.clear();  // it is on its way
    messages_ = std::move(messages);
    layout_ = layout;
    expect_no_handles(messages_);
    free_ = layout.all();
    return true;
  }

  std::span<std::byte> buffer(std::size_t index) noexcept {
    return memory_.bytes().subspan(layout_.begin_of(index), layout_.buffer_size);
  }

  /// The first one that is free, which is taken.
  std::optional<std::size_t> acquire(const Wait& wait, std::error_code& ec) {
    if (!may_begin(ec)) return std::nullopt;
    if (free_ == 0) {
      await_return(wait, ec);
    } else if (!messages_.stream().is_open()) {
      ec = error(Operation::other, Errc::closed);
    } else if (wait.stop_token().stop_requested()) {
      ec = error(Operation::other, std::errc::operation_canceled);
    }
    if (ec) return std::nullopt;
    const auto index = static_cast<std::size_t>(std::countr_zero(free_.load()));
    free_ &= ~only(index);
    return index;
  }

  bool send(std::size_t index, std::size_t size, const Wait& wait, std::error_code& ec) {
    if (!may_begin(ec)) return false;
    if (size > layout_.buffer_size) {
      ec = error(Operation::other, std::errc::invalid_argument);
      return false;
    }
    const PoolMessage message{PoolMessage::Kind::lend, static_cast<unsigned char>(index), size};
    const bool is_taken = messages_.send(message.bytes(), wait, ec);
    if (is_taken) lent_ |= only(index);
    settle(ec);
    return is_taken;
  }

  void take_returns(std::error_code& ec) {
    if (!may_begin(ec)) return;
    while (take_return(without_waiting(), ec)) {
    }
    if (ec == std::errc::timed_out) ec.clear();
  }

  void free(std::size_t index) noexcept { free_ |= only(index); }
  std::size_t free_buffers() const noexcept { return static_cast<std::size_t>(std::popcount(free_.load())); }

 private:
  void await_return(const Wait& wait, std::error_code& ec) {
    if (lent_ == 0) {
      ec = error(Operation::read, std::errc::operation_would_block);
    } else if (messages_.has_unsent()) {
      const Wait all = of_all_steps(wait);
      messages_.flush(all, ec);
      if (!ec) take_return(all, ec);
    } else {
      take_return(wait, ec);
    }
  }

  bool take_return(const Wait& wait, std::error_code& ec) {
    const auto message = receive_message(wait, ec);
    if (!message && !ec) ec = error(Operation::write, std::errc::broken_pipe);
    if (message && !is_return(*message)) ec = malformed();
    settle(ec);
    if (ec) return false;
    lent_ &= ~message->value;
    free_ |= message->value;
    return true;
  }

  bool is_return(const PoolMessage& message) const noexcept {
    return message.kind == PoolMessage::Kind::give_back && message.number == 0 && message.value != 0 &&
           (message.value & ~lent_) == 0;
  }

  /// A peer that is gone has nothing any more.
  void settle(const std::error_code& ec) noexcept {
    fail_if_final(ec);
    if (is_over()) free_ |= std::exchange(lent_, 0);
  }

  std::atomic<BufferSet> free_{0};  // whatever is in neither is acquired
  BufferSet lent_ = 0;
};

class Borrowing : public BufferPool {
 public:
  struct Lent {
    std::size_t index;
    std::span<const std::byte> bytes;
  };

  explicit Borrowing(MessageStream messages) noexcept { messages_ = std::move(messages); }

  std::optional<Lent> receive(const Wait& wait, std::error_code& ec) {
    if (!may_begin(ec)) return std::nullopt;
    if (std::error_code later; untold_ != 0 || messages_.has_unsent()) tell({}, later);
    if (memory_.is_open()) return receive_lent(wait, ec);
    const Wait all = of_all_steps(wait);
    return set_up(all, ec) ? receive_lent(all, ec) : std::nullopt;
  }

  void give_back(std::size_t index, std::error_code& ec) {
    if (!is_of_this_process()) {
      ec = error(Operation::other, Errc::closed);
      return;
    }
    borrowed_ &= ~only(index);
    tell(only(index), ec);
  }

 private:
  /// The memory; what the peer says of it is compared with what the system says.
  bool set_up(const Wait& wait, std::error_code& ec) {
    const auto message = receive_message(wait, ec);
    std::vector<OwnedHandle> handles = message ? messages_.take_handles(ec) : std::vector<OwnedHandle>();
    fail_if_final(ec);
    if (!message || ec) return false;
    const BufferLayout layout{message->number, static_cast<std::size_t>(message->value)};
    const bool is_good = message->kind == PoolMessage::Kind::set_up && handles.size() == 1 &&
                         layout.buffer_size == message->value && layout.has_some() && layout.fits();
    if (is_good) memory_ = SharedMemory::adopt(std::move(handles[0]), layout.total_size(), ec);
    const bool is_other = ec == std::errc::operation_not_supported || ec == std::errc::invalid_argument;
    if (!is_good || is_other) ec = malformed();
    if (ec) {
      fail(ec);  // whatever it is: the handle is gone
      return false;
    }
    layout_ = layout;
    expect_no_handles(messages_);
    return true;
  }

  std::optional<Lent> receive_lent(const Wait& wait, std::error_code& ec) {
    const auto message = receive_message(wait, ec);
    if (message && !is_lent(*message)) ec = malformed();
    fail_if_final(ec);
    if (!message || ec) return std::nullopt;
    const std::size_t index = message->number;
    borrowed_ |= only(index);
    const std::span<const std::byte> memory = memory_.bytes();
    return Lent{index, memory.subspan(layout_.begin_of(index), static_cast<std::size_t>(message->value))};
  }

  bool is_lent(const PoolMessage& message) const noexcept {
    return message.kind == PoolMessage::Kind::lend && message.number < layout_.buffers &&
           message.value <= layout_.buffer_size && (borrowed_ & only(message.number)) == 0;
  }

  /// Tells the lender of these and of all others that it does not know, by one message. One thread at a time, or they
  /// would have to wait for each other in the send. There is space for it, unless the lender lends on without reading
  /// returns: then they stay here.
  void tell(BufferSet returned, std::error_code& ec) {
    const std::lock_guard lock(telling_);
    const BufferSet told = untold_ | returned;
    if (told == 0) {
      messages_.flush(without_waiting(), ec);
    } else {
      const PoolMessage message{PoolMessage::Kind::give_back, 0, told};
      const bool is_told = messages_.send(message.bytes(), without_waiting(), ec);
      untold_.store(is_told ? 0 : told, std::memory_order_relaxed);
    }
  }

  std::atomic<BufferSet> borrowed_{0};
  std::mutex telling_;
  // Given back, and the lender has not been told. Changed with the mutex held; any thread may look at it.
  std::atomic<BufferSet> untold_{0};
};

}  // namespace detail

namespace {

std::error_code closed_error() noexcept { return detail::error(detail::Operation::other, Errc::closed); }

/// The throwing form of a call. `pool` is what is behind a lender or a borrower, if it is one.
template <class Pool, class Function>
auto or_raise_at(const std::shared_ptr<Pool>& pool, std::string_view action, Function function) {
  return detail::or_raise(
      action, [&pool] { return pool ? pool->name() : LocalAddress(); }, function);
}

}  // namespace

// Lending.

LentBuffer::LentBuffer(std::shared_ptr<detail::Lending> lending, std::size_t index) noexcept
    : lending_(std::move(lending)), index_(index), bytes_(lending_->buffer(index)) {}

void LentBuffer::drop() noexcept { lending_->free(index_); }

BufferLender BufferLender::create(MessageStream&& messages, const LenderOptions& options, const Wait& wait,
                                  std::error_code& ec) {
  ec.clear();
  BufferLender created;
  const detail::BufferLayout layout{options.buffers, options.buffer_size};
  if (!layout.has_some()) {
    ec = detail::error(detail::Operation::other, std::errc::invalid_argument);
  } else if (!layout.fits()) {
    ec = detail::error(detail::Operation::other, std::errc::not_enough_memory);
  } else {
    auto lending = std::make_shared<detail::Lending>();
    if (lending->begin(messages, layout, wait, ec)) created.lending_ = std::move(lending);
  }
  return created;
}

LentBuffer BufferLender::acquire(const Wait& wait, std::error_code& ec) {
  ec = lending_ ? std::error_code() : closed_error();
  const auto index = lending_ ? lending_->acquire(wait, ec) : std::nullopt;
  return index ? LentBuffer(lending_, *index) : LentBuffer();
}

bool BufferLender::send(LentBuffer&& buffer, std::size_t size, const Wait& wait, std::error_code& ec) {
  ec.clear();
  if (!lending_) {
    ec = closed_error();
  } else if (buffer.lending_ != lending_) {
    ec = detail::error(detail::Operation::other, std::errc::invalid_argument);
  }
  if (ec || !lending_->send(buffer.index_, size, wait, ec)) return false;
  buffer.lending_.reset();
  buffer.bytes_ = {};
  return true;
}

void BufferLender::take_returns(std::error_code& ec) {
  ec = lending_ ? std::error_code() : closed_error();
  if (lending_) lending_->take_returns(ec);
}

std::size_t BufferLender::free_buffers() const noexcept { return lending_ ? lending_->free_buffers() : 0; }

MessageStream& BufferLender::messages() noexcept { return lending_->messages(); }

BufferLender BufferLender::create(MessageStream&& messages, const LenderOptions& options, const Wait& wait) {
  return detail::or_raise("lend buffers", LocalAddress(),
                          [&](std::error_code& ec) { return create(std::move(messages), options, wait, ec); });
}

LentBuffer BufferLender::acquire(const Wait& wait) {
  return or_raise_at(lending_, "acquire a buffer for", [&](std::error_code& ec) { return acquire(wait, ec); });
}

void BufferLender::send(LentBuffer&& buffer, std::size_t size, const Wait& wait) {
  or_raise_at(lending_, "send a buffer to", [&](std::error_code& ec) { send(std::move(buffer), size, wait, ec); });
}

void BufferLender::take_returns() {
  or_raise_at(lending_, "take buffers back from", [&](std::error_code& ec) { take_returns(ec); });
}

// Borrowing.

void BorrowedBuffer::give_back(std::error_code& ec) {
  ec.clear();
  bytes_ = {};
  if (const auto borrowing = std::move(borrowing_)) borrowing->give_back(index_, ec);
}

void BorrowedBuffer::give_back() {
  detail::or_raise("give a buffer back", LocalAddress(), [&](std::error_code& ec) { give_back(ec); });
}

void BorrowedBuffer::drop() noexcept {
  try {
    std::error_code gone;
    borrowing_->give_back(index_, gone);
  } catch (const std::bad_alloc&) {  // the connection is closed
  }
}

BufferBorrower::BufferBorrower(MessageStream messages)
    : borrowing_(std::make_shared<detail::Borrowing>(std::move(messages))) {}

std::optional<BorrowedBuffer> BufferBorrower::receive(const Wait& wait, std::error_code& ec) {
  ec = borrowing_ ? std::error_code() : closed_error();
  const auto lent = borrowing_ ? borrowing_->receive(wait, ec) : std::nullopt;
  if (!lent) return std::nullopt;
  return BorrowedBuffer(borrowing_, lent->index, lent->bytes);
}

std::optional<BorrowedBuffer> BufferBorrower::receive(const Wait& wait) {
  return or_raise_at(borrowing_, "receive a buffer from", [&](std::error_code& ec) { return receive(wait, ec); });
}

MessageStream& BufferBorrower::messages() noexcept { return borrowing_->messages(); }

}  // namespace localsocket::inline LOCALSOCKET_ABI
