#include <localsocket/start.hpp>

#include "backend.hpp"
#include "core/trace.hpp"

#include <algorithm>
#include <chrono>
#include <random>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

using detail::Interruption;
using detail::Operation;
using Role = std::variant<LocalListener, LocalStream>;

/// One attempt.
LocalStream connect_now(const LocalAddress& address, const ConnectOptions& options, std::error_code& ec) {
  return LocalStream::connect(address, std::chrono::seconds(0), options, ec);
}

/// Somebody who listens may come, or have capacity, a little later.
bool may_change(const std::error_code& ec) noexcept {
  return ec == std::errc::connection_refused || ec == std::errc::timed_out || ec == std::errc::address_in_use;
}

/// The attempts of many processes at one thing. They must not keep step: where each of two that try at once takes the
/// other for the owner, both would give up for ever.
class Attempts {
 public:
  explicit Attempts(const Wait& wait) noexcept : call_(gate_, wait) {}

  /// Whether there is a first one.
  bool begin(std::error_code& ec) noexcept {
    ec = detail::error(Operation::connect, call_.begin());
    return !ec;
  }

  /// After one that ended with `ec`: whether there is a next one, after a pause.
  bool goes_on(std::error_code& ec) {
    if (!may_change(ec)) return false;
    const Interruption why = call_.refused();
    if (why == Interruption::none) {
      detail::pause(call_, std::chrono::microseconds(interval_ / 2 + random_() % (interval_ / 2)));
      interval_ = std::min(interval_ * 2, longest);
      return true;
    }
    if (why != Interruption::timed_out) ec = detail::error(Operation::connect, why);  // else the last error says more
    return false;
  }

 private:
  static constexpr unsigned longest = 50'000;

  static unsigned seed() noexcept {
    const auto now = static_cast<std::uint64_t>(detail::Clock::now().time_since_epoch().count());
    return static_cast<unsigned>(now ^ (now >> 32) ^ detail::native_thread_id() * 2654435761U);
  }

  detail::Gate gate_;  // nobody else knows it: the Wait alone ends the attempts
  detail::Call call_;
  unsigned interval_ = 2'000;  // in microseconds
  std::minstd_rand random_{seed()};
};

/// With the lock: a server that somebody else has started by now, or one's own.
LocalStream start_and_connect(const LocalAddress& address, const Starter& start, const Wait& wait,
                              const ConnectOptions& options, std::error_code& ec) {
  LocalStream stream = connect_now(address, options, ec);
  const bool is_nobody_there = ec == std::errc::connection_refused;
  if (!is_nobody_there && ec != std::errc::timed_out) return stream;
  ec.clear();
  if (is_nobody_there) ec = start();
  return ec ? LocalStream() : LocalStream::connect(address, wait, options, ec);
}

}  // namespace

Role bind_or_connect(const LocalAddress& address, const Wait& wait, const ListenOptions& listen,
                     const ConnectOptions& connect, std::error_code& ec) {
  Attempts attempts(wait);
  if (!attempts.begin(ec)) return {};
  do {
    if (LocalStream stream = connect_now(address, connect, ec); !ec) return stream;
    if (ec != std::errc::connection_refused) continue;
    if (LocalListener listener = LocalListener::bind(address, listen, ec); !ec) return listener;
  } while (attempts.goes_on(ec));
  return {};
}

Role bind_or_connect(const LocalAddress& address, const Wait& wait, const ListenOptions& listen,
                     const ConnectOptions& connect) {
  return detail::or_raise("bind or connect to", address,
                          [&](std::error_code& ec) { return bind_or_connect(address, wait, listen, connect, ec); });
}

LocalStream connect_or_start(const LocalAddress& address, const Starter& start, const Wait& wait,
                             const ConnectOptions& options, std::error_code& ec) {
  const Wait until(wait.deadline(detail::Clock::now()), wait.stop_token());
  Attempts attempts(until);
  if (!attempts.begin(ec)) return {};
  do {
    if (LocalStream stream = connect_now(address, options, ec); !ec) return stream;
    if (ec != std::errc::connection_refused) continue;
    std::error_code problem;
    detail::NativeStartLock lock(address, problem);
    if (!problem && lock.try_lock(problem)) return start_and_connect(address, start, until, options, ec);
    if (problem) ec = problem;
  } while (attempts.goes_on(ec));
  return {};
}

LocalStream connect_or_start(const LocalAddress& address, const Starter& start, const Wait& wait,
                             const ConnectOptions& options) {
  return detail::or_raise("connect to or start", address,
                          [&](std::error_code& ec) { return connect_or_start(address, start, wait, options, ec); });
}

std::error_code DetachedProcess::operator()() const {
  const bool is_valid = !command.empty() && !command.front().empty() &&
                        std::none_of(command.begin(), command.end(),
                                     [](const std::string& part) { return part.find('\0') != std::string::npos; });
  std::error_code ec;
  if (is_valid) {
    detail::start_detached(command, ec);
  } else {
    ec = detail::error(Operation::other, std::errc::invalid_argument);
  }
  return ec;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
