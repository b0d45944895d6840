// Stop tokens: std's where the C++ library has them for everybody, else our own, which behave alike.
#pragma once

#include <localsocket/platform.hpp>

#if LOCALSOCKET_STD_STOP_TOKEN

#include <stop_token>

namespace localsocket::inline LOCALSOCKET_ABI {

using std::nostopstate;
using std::nostopstate_t;
using std::stop_callback;
using std::stop_source;
using std::stop_token;

}  // namespace localsocket::inline LOCALSOCKET_ABI

#else

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

// What is said of std::stop_token and its kind holds for these ([thread.stoptoken] of the C++ standard), and what is
// not written here is found there.

struct nostopstate_t {
  explicit nostopstate_t() = default;
};
inline constexpr nostopstate_t nostopstate{};

namespace detail {

class StopState;
struct StopSources;

/// What is in the list of the state that it is attached to, until that is stopped: a stop_callback, without its type.
class LOCALSOCKET_EXPORT StopListener {
 public:
  StopListener(const StopListener&) = delete;
  StopListener& operator=(const StopListener&) = delete;

 protected:
  using Run = void (*)(StopListener&) noexcept;

  explicit StopListener(Run run) noexcept : run_(run) {}
  ~StopListener() = default;

  /// If that is stopped already, runs at once, on this thread.
  void attach(const std::shared_ptr<StopState>& state) noexcept;
  /// Returns once it does not run and will not run, unless it is called from within: then at once.
  void detach() noexcept;

 private:
  friend class StopState;

  Run run_;
  std::shared_ptr<StopState> state_;
  StopListener* next_ = nullptr;
  StopListener** link_ = nullptr;  // what points to this one; nullptr while it is in no list
};

}  // namespace detail

class stop_token {
 public:
  stop_token() noexcept = default;

  bool stop_requested() const noexcept { return state_ != nullptr && is_requested(*state_); }
  bool stop_possible() const noexcept { return state_ != nullptr && is_possible(*state_); }

  void swap(stop_token& other) noexcept { state_.swap(other.state_); }
  friend void swap(stop_token& a, stop_token& b) noexcept { a.swap(b); }
  friend bool operator==(const stop_token& a, const stop_token& b) noexcept { return a.state_ == b.state_; }

 private:
  friend class stop_source;
  template <class Callback>
  friend class stop_callback;

  explicit stop_token(std::shared_ptr<detail::StopState> state) noexcept : state_(std::move(state)) {}
  LOCALSOCKET_EXPORT static bool is_requested(const detail::StopState& state) noexcept;
  LOCALSOCKET_EXPORT static bool is_possible(const detail::StopState& state) noexcept;

  std::shared_ptr<detail::StopState> state_;
};

class stop_source {
 public:
  LOCALSOCKET_EXPORT stop_source();
  explicit stop_source(nostopstate_t) noexcept {}

  LOCALSOCKET_EXPORT stop_token get_token() const noexcept;
  bool stop_possible() const noexcept { return sources_ != nullptr; }
  bool stop_requested() const noexcept { return get_token().stop_requested(); }
  /// From any thread; runs the callbacks on this one. Whether it was the first to ask.
  LOCALSOCKET_EXPORT bool request_stop() noexcept;  // not const, as std's is not

  void swap(stop_source& other) noexcept { sources_.swap(other.sources_); }
  friend void swap(stop_source& a, stop_source& b) noexcept { a.swap(b); }
  friend bool operator==(const stop_source& a, const stop_source& b) noexcept { return a.sources_ == b.sources_; }

 private:
  // All copies share it: its end is the end of the last source.
  std::shared_ptr<detail::StopSources> sources_;
};

template <class Callback>
class stop_callback : private detail::StopListener {
 public:
  using callback_type = Callback;

  template <class Argument>
  requires std::constructible_from<Callback, Argument>
  explicit stop_callback(const stop_token& token,
                         Argument&& callback) noexcept(std::is_nothrow_constructible_v<Callback, Argument>)
      : StopListener(&run), callback_(std::forward<Argument>(callback)) {
    attach(token.state_);
  }
  ~stop_callback() { detach(); }

 private:
  static void run(StopListener& listener) noexcept {
    std::forward<Callback>(static_cast<stop_callback&>(listener).callback_)();
  }

  Callback callback_;
};

template <class Callback>
stop_callback(stop_token, Callback) -> stop_callback<Callback>;

}  // namespace localsocket::inline LOCALSOCKET_ABI

#endif
