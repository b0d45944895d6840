// How long a call may block, and what may interrupt it.
#pragma once

#include <localsocket/stop_token.hpp>

#include <chrono>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// The trailing argument of every call that can block: a time-out, a deadline, a stop token, or any two of them.
///
///     stream.read_some(buffer);                  // as long as it takes
///     stream.read_some(buffer, 5s);              // at most five seconds from the start of the call
///     stream.read_some(buffer, {deadline, stop}) // until then, or until somebody asks to stop
///
/// A time-out counts from the start of each call that is given the Wait. A time-out of zero or less tries once and does
/// not block, and so does a deadline that has passed. A time-out too long for the clock is no time-out. A Wait is a
/// value; calls do not change it.
class Wait {
 public:
  using Clock = std::chrono::steady_clock;

  Wait() noexcept = default;

  template <class Rep, class Period>
  Wait(std::chrono::duration<Rep, Period> timeout, localsocket::stop_token stop = {}) noexcept  // implicit by design
      : stop_(std::move(stop)), limit_(Limit::timeout), amount_(saturate(timeout)) {
    if (amount_ == Clock::duration::max()) limit_ = Limit::none;
  }

  Wait(Clock::time_point deadline, localsocket::stop_token stop = {}) noexcept  // implicit by design
      : stop_(std::move(stop)), limit_(Limit::deadline), amount_(deadline.time_since_epoch()) {}

  Wait(localsocket::stop_token stop) noexcept : stop_(std::move(stop)) {}  // implicit by design

  /// Whether time alone can end the call.
  bool is_limited() const noexcept { return limit_ != Limit::none; }

  /// Whether it ends at a moment that does not depend on when the call starts.
  bool is_deadline() const noexcept { return limit_ == Limit::deadline; }

  /// When a call that starts at `start` ends; `time_point::max()` for never.
  Clock::time_point deadline(Clock::time_point start) const noexcept {
    switch (limit_) {
      case Limit::none:
        return Clock::time_point::max();
      case Limit::deadline:
        return Clock::time_point(amount_);
      case Limit::timeout:
        break;
    }
    return amount_ < Clock::time_point::max() - start ? start + amount_ : Clock::time_point::max();
  }

  const localsocket::stop_token& stop_token() const noexcept { return stop_; }

  /// `timeout` in the clock's unit, rounded up so that no call ends early; negative is zero, too long is `max()`.
  template <class Rep, class Period>
  static constexpr Clock::duration saturate(std::chrono::duration<Rep, Period> timeout) noexcept {
    using Seconds = std::chrono::duration<long double>;
    if (!(timeout > timeout.zero())) return Clock::duration::zero();
    if (Seconds(timeout) >= Seconds(Clock::duration::max())) return Clock::duration::max();
    return std::chrono::ceil<Clock::duration>(timeout);
  }

 private:
  enum class Limit : unsigned char { none, timeout, deadline };

  localsocket::stop_token stop_;
  Limit limit_ = Limit::none;
  Clock::duration amount_{};
};

/// How long connect() goes on trying unless told otherwise.
inline constexpr std::chrono::milliseconds default_connect_timeout{1000};

}  // namespace localsocket::inline LOCALSOCKET_ABI
