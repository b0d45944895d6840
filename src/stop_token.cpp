#include <localsocket/stop_token.hpp>

#if !LOCALSOCKET_STD_STOP_TOKEN

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

class StopState {
 public:
  bool is_requested() const noexcept { return is_requested_.load(std::memory_order_acquire); }
  bool is_possible() const noexcept { return is_requested() || !sources_.expired(); }
  bool request() noexcept;

  bool add(StopListener& listener) noexcept;
  void remove(StopListener& listener) noexcept;

 private:
  friend struct StopSources;

  static void unlink(StopListener& listener) noexcept;

  std::weak_ptr<StopSources> sources_;
  std::atomic<bool> is_requested_{false};
  std::mutex mutex_;
  std::condition_variable has_run_;
  StopListener* first_ = nullptr;
  StopListener* running_ = nullptr;  // which has left the list
  std::thread::id requester_;
};

/// What all copies of a stop_source have in common.
struct StopSources {
  static std::shared_ptr<StopSources> make() {
    auto sources = std::make_shared<StopSources>();
    sources->state->sources_ = sources;
    return sources;
  }

  const std::shared_ptr<StopState> state = std::make_shared<StopState>();
};

bool StopState::request() noexcept {
  std::unique_lock lock(mutex_);
  if (is_requested_.exchange(true)) return false;
  requester_ = std::this_thread::get_id();
  while (first_ != nullptr) {
    running_ = first_;
    unlink(*running_);
    lock.unlock();
    running_->run_(*running_);
    lock.lock();
    running_ = nullptr;
    has_run_.notify_all();
  }
  return true;
}

/// False if it is too late.
bool StopState::add(StopListener& listener) noexcept {
  const std::lock_guard lock(mutex_);
  if (is_requested()) return false;
  listener.next_ = first_;
  listener.link_ = &first_;
  if (first_ != nullptr) first_->link_ = &listener.next_;
  first_ = &listener;
  return true;
}

void StopState::unlink(StopListener& listener) noexcept {
  *listener.link_ = listener.next_;
  if (listener.next_ != nullptr) listener.next_->link_ = listener.link_;
  listener.link_ = nullptr;
}

void StopState::remove(StopListener& listener) noexcept {
  std::unique_lock lock(mutex_);
  if (listener.link_ != nullptr) {
    unlink(listener);
  } else if (requester_ != std::this_thread::get_id()) {
    // On the requester's own thread it is the callback itself that drops its stop_callback.
    has_run_.wait(lock, [&] { return running_ != &listener; });
  }
}

void StopListener::attach(const std::shared_ptr<StopState>& state) noexcept {
  if (state == nullptr) return;
  if (state->add(*this)) {
    state_ = state;
  } else {
    run_(*this);
  }
}

void StopListener::detach() noexcept {
  if (state_ != nullptr) state_->remove(*this);
}

}  // namespace detail

bool stop_token::is_requested(const detail::StopState& state) noexcept { return state.is_requested(); }
bool stop_token::is_possible(const detail::StopState& state) noexcept { return state.is_possible(); }

stop_source::stop_source() : sources_(detail::StopSources::make()) {}

stop_token stop_source::get_token() const noexcept { return stop_token(sources_ ? sources_->state : nullptr); }

bool stop_source::request_stop() noexcept {
  // Of its own: a callback may drop the last source.
  const auto sources = sources_;
  return sources != nullptr && sources->state->request();
}

}  // namespace localsocket::inline LOCALSOCKET_ABI

#endif
