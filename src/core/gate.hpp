// What a blocking call may be ended by: time, a stop request, cancel, close. Portable; a backend adds only a Waker.
//
// A Gate is what all threads know of one kind of call (reading, writing, accepting) on one object. A Call is one such
// call while it runs. A Waiter is a Call that has begun to wait: only then is anything locked.
//
//   reader                                    another thread
//   Call call(gate, wait)                     gate.set_deadline(…)
//   attempt the system call: ready → done       stores the deadline
//   not ready: call.refused()? → done           locks, wakes each Waiter
//   Waiter waiter(call): locks, registers
//   call.refused() again, then block on {handle, waker}
//
// Whoever changes the gate stores first and then looks for waiters; whoever waits registers first and then looks at the
// gate. One of the two sees the other, so no interruption is missed.
#pragma once

#include <localsocket/wait.hpp>

#include "errors.hpp"
#include "generation.hpp"
#include "seams.hpp"
#include "stop_callback.hpp"
#include "waker.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

using Clock = Wait::Clock;

/// How often a wait that nothing can wake looks whether it has to end.
inline constexpr std::chrono::milliseconds stop_poll_interval{10};

enum class Interruption : unsigned char { none, closed, unsupported, canceled, would_block, timed_out };

std::error_code error(Operation operation, Interruption why) noexcept;

class Waiter;

class Gate {
 public:
  /// Somebody who is told when the gate is closed, or woken. Of use only between observe() and unobserve().
  class Observer {
   public:
    Observer() noexcept = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    /// With the gate's mutex held, on any thread.
    virtual void notify() noexcept = 0;
    /// Whom it observes the gate for; once is enough.
    virtual const void* owner() const noexcept = 0;

   protected:
    ~Observer() = default;

   private:
    friend class Gate;
    Observer* next_ = nullptr;
    Observer** link_ = nullptr;  // what points to this one, unless that is the gate
  };

  void set_timeout(std::optional<Clock::duration> timeout) noexcept;
  std::optional<Clock::duration> timeout() const noexcept;
  void set_deadline(std::optional<Clock::time_point> deadline) noexcept;
  void set_nonblocking(bool nonblocking) noexcept;
  void cancel() noexcept;

  /// For good. Running calls end with Interruption::closed.
  void close() noexcept {
    enter_process();
    state_ = Interruption::closed;
    may_refuse_ = true;
    if (!is_idle()) wake();  // who enters from now on sees that it is closed
    tell_observers();
  }
  bool is_closed() const noexcept { return state_.load() == Interruption::closed; }

  /// Calls fail with Interruption::unsupported from the start. Before any call.
  void disable() noexcept {
    state_ = Interruption::unsupported;
    may_refuse_ = true;
  }
  bool is_usable() const noexcept { return state_.load() == Interruption::none; }

  /// Whether a call may have to end before it begins, whatever its Wait: refusal() knows.
  const std::atomic<bool>& may_refuse() const noexcept { return may_refuse_; }
  /// Why a call with this Wait must not even be tried, of which only what comes before it counts: a close, a stop
  /// request, or a deadline of the gate that has passed.
  Interruption refusal(const Wait& wait) const noexcept {
    if (const Interruption state = state_.load(); state != Interruption::none) return state;
    if (wait.stop_token().stop_requested()) return Interruption::canceled;
    return deadline_.load(std::memory_order_relaxed) == none ? Interruption::none : refusal_by_deadline();
  }

  /// Lets waiting calls look again at what they wait for.
  void wake() noexcept;
  bool is_idle() const noexcept { return running_.load() == 0; }

  /// From now on it is told; what it must not miss it looks at after this. Once it is unobserved, it is not being told.
  /// False: another one of its owner observes the gate already.
  bool observe(Observer& observer) noexcept;
  void unobserve(Observer& observer) noexcept;
  void tell_observers() noexcept {
    if (observers_.load() != nullptr) [[unlikely]] {
      tell_each_observer();
    }
  }

  /// Whether of the calls that run all but so many wait in a Waiter.
  bool all_wait_but(std::uint32_t calls) noexcept;

 private:
  friend class Entry;
  friend class Call;
  friend class Waiter;

  // The first thing that anybody does with a gate: a child made by fork has copies of the calls, waiters and locks of
  // threads that it does not have, and forgets them.
  void enter_process() noexcept {
    if (generation_.load(std::memory_order_acquire) != process_generation()) [[unlikely]] {
      start_anew();
    }
  }
  void start_anew() noexcept;

  Interruption refusal_by_deadline() const noexcept;
  void update() noexcept;    // with the mutex held, after a setting has changed
  void wake_all() noexcept;  // with the mutex held
  void tell_each_observer() noexcept;

  static constexpr Clock::rep none = Clock::duration::max().count();

  // Sequentially consistent, both: a call enters and then looks at state_; who closes sets state_ and then looks at
  // running_.
  std::atomic<std::uint32_t> running_{0};
  std::atomic<Interruption> state_{Interruption::none};  // none is open
  std::atomic<bool> may_refuse_{false};                  // it is not open, or has a deadline
  std::atomic<bool> is_limited_{false};  // any of the next three is set: spares the ready path two loads
  std::atomic<bool> nonblocking_{false};
  std::atomic<Clock::rep> timeout_{none};
  std::atomic<Clock::rep> deadline_{none};
  std::atomic<std::uint32_t> cancels_{0};

  std::atomic<std::uint32_t> generation_{process_generation()};
  std::mutex mutex_;
  Waiter* waiters_ = nullptr;
  // Sequentially consistent, as running_: who observes does so first and then looks at state_.
  std::atomic<Observer*> observers_{nullptr};
};

/// A thread inside the gate: as long as there is one, whoever closes leaves the handle open.
class Entry {
 public:
  explicit Entry(Gate& gate) noexcept : gate_(gate) {
    gate_.enter_process();
    gate_.running_.fetch_add(1);
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() { gate_.running_.fetch_sub(1); }

 private:
  Gate& gate_;
};

class Call {
 public:
  Call(Gate& gate, const Wait& wait) noexcept
      : gate_(gate), wait_(wait), cancels_(gate.cancels_.load(std::memory_order_relaxed)), entry_(gate) {
    seams::tell(seams::Step::enters);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() { seams::tell(seams::Step::leaves); }

  const Gate& gate() const noexcept { return gate_; }

  /// Why the call must not even be tried.
  Interruption begin() const noexcept { return gate_.refusal(wait_); }

  /// Why the call must end even if it could go on. A time-out of zero or a Wait in the past does not count: it tries
  /// once.
  Interruption ended() noexcept {
    const Interruption why = stopped();
    return why != Interruption::none || !is_limited() ? why : past_limit();
  }

  /// Why the call must end instead of waiting.
  Interruption refused() noexcept;

  /// How long it may wait before it asks again; `max()` for ever.
  Clock::duration remaining() noexcept;

  /// Whether it may block for `time` where nothing can interrupt it.
  bool may_block_for(Clock::duration time) noexcept { return !is_limited() || has_time_for(time); }

 private:
  friend class Waiter;

  bool is_limited() const noexcept { return wait_.is_limited() || gate_.is_limited_.load(std::memory_order_relaxed); }
  Interruption stopped() const noexcept {
    if (const Interruption state = gate_.state_.load(); state != Interruption::none) return state;
    if (gate_.cancels_.load(std::memory_order_relaxed) != cancels_) return Interruption::canceled;
    return wait_.stop_token().stop_requested() ? Interruption::canceled : Interruption::none;
  }
  // A call that is ready looks at no clock, if nothing but time-outs limit it: their time runs from the first look, and
  // so ends late, by no more than the call has blocked before it, but never early.
  bool has_started() const noexcept { return started_ != Clock::time_point::min(); }
  Clock::time_point started() noexcept;
  bool has_time_for(Clock::duration time) noexcept;
  Interruption past_limit() noexcept;
  Clock::duration timeout() const noexcept { return Clock::duration(gate_.timeout_.load(std::memory_order_relaxed)); }
  Clock::time_point soft_limit() noexcept;         // the Wait or the time-out
  Clock::time_point hard_limit() const noexcept {  // the gate's deadline
    return Clock::time_point(Clock::duration(gate_.deadline_.load(std::memory_order_relaxed)));
  }

  Gate& gate_;
  const Wait& wait_;
  std::uint32_t cancels_;
  Entry entry_;
  Clock::time_point started_ = Clock::time_point::min();
};

/// Registers the calling thread's waker with the gate and the stop token for as long as it lives. Takes no system call.
class Waiter {
 public:
  explicit Waiter(Call& call) noexcept;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter();

  NativeWaker& waker() const noexcept { return waker_; }

 private:
  friend class Gate;
  struct Wake {
    NativeWaker& waker;
    void operator()() const noexcept { waker.wake(); }
  };

  Gate& gate_;
  NativeWaker& waker_;
  Waiter* next_ = nullptr;
  Waiter** link_ = nullptr;  // what points to this one
  std::optional<OnStop<Wake>> on_stop_;
};

/// Lets `time` pass, or less if the call ends before.
void pause(Call& call, Clock::duration time) noexcept;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
