#include "poller.hpp"

#include "read_probe.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

bool has_spare_handle() noexcept { return true; }  // a process may have 16 million

ProcessOfPeer duplicate(const ProcessOfPeer& process, std::error_code& ec) noexcept {
  ProcessOfPeer copy = process;
  copy.handle = invalid_handle;
  if (!process.has_exited) copy.handle = windows_backend::duplicate_of(process.handle, ec).release();
  return copy;
}

namespace windows_backend {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;

/// One member: whether it is ready, and the wait for its object while it is not.
class Poller::Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(Poller& poller, std::uint64_t token, Ready interest) noexcept
      : poller_(poller), token_(token), interest_(interest) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Before it is added: what it watches.
  Stream* stream = nullptr;
  Listener* listener = nullptr;
  HANDLE process = nullptr;

  std::uint64_t token() const noexcept { return token_; }

  void change(Ready interest) noexcept { interest_ = interest; }

  /// What it is ready for; if for nothing, the poller is told when to look again.
  Ready look() noexcept {
    const std::lock_guard lock(mutex_);
    const Ready interest = interest_.load() & possible();
    if (is_removed_ || !any(interest)) return Ready{};
    stop_waiting();  // it has told, or nobody needs it to
    Ready ready{};
    for (const Ready what : each) {
      if (any(interest & what) && is(what)) ready |= what;
    }
    if (!any(ready) && !wait(interest)) {
      const std::lock_guard poller_lock(poller_.mutex_);
      poller_.queue(*this);  // without memory it is looked at now and then
      poller_.looks_blindly_ = true;
    }
    return ready;
  }

  /// For good: returns when nothing is under way any more.
  void remove() noexcept {
    {
      const std::lock_guard lock(mutex_);
      is_removed_ = true;
    }
    stop_waiting();
    if (stream != nullptr) stream->end_probe();
  }

  // With the poller's mutex.
  bool is_queued = false;
  WatchPointer next;
  Watch* previous = nullptr;

 private:
  // What one of them can be ready for.
  static constexpr Ready each[] = {Ready::readable, Ready::writable, Ready::acceptable, Ready::ended};

  Ready possible() const noexcept {
    if (stream != nullptr) return Ready::readable | Ready::writable;
    return listener != nullptr ? Ready::acceptable : Ready::ended;
  }

  bool is(Ready what) noexcept {
    switch (what) {
      case Ready::readable:
        return stream->probe();
      case Ready::writable:
        return stream->can_write();
      case Ready::acceptable:
        return listener->has_client();
      default:
        return sys("WaitForSingleObject", ::WaitForSingleObject, process, DWORD{0}) == WAIT_OBJECT_0;
    }
  }

  HANDLE object_of(Ready what) const noexcept {
    switch (what) {
      case Ready::readable:
        return stream->probe_event();
      case Ready::writable:
        return stream->write_event();
      case Ready::acceptable:
        return listener->event();
      default:
        return process;
    }
  }

  /// False if there is something that will not tell.
  bool wait(Ready interest) noexcept {
    HANDLE* waiting = waiting_;
    for (const Ready what : each) {
      if (!any(interest & what)) continue;
      if (!sys("RegisterWaitForSingleObject", ::RegisterWaitForSingleObject, waiting, object_of(what), &Watch::tell,
               static_cast<void*>(this), DWORD{INFINITE}, ULONG{WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD})) {
        *waiting = nullptr;
        return false;
      }
      ++waiting;
    }
    return true;
  }

  /// Returns when tell() does not run any more, and will not.
  void stop_waiting() noexcept {
    for (HANDLE& each_waiting : waiting_) {
      const HANDLE waiting = std::exchange(each_waiting, nullptr);
      if (waiting != nullptr) sys("UnregisterWaitEx", ::UnregisterWaitEx, waiting, INVALID_HANDLE_VALUE);
    }
  }

  void ask_to_look() noexcept {
    {
      const std::lock_guard lock(poller_.mutex_);
      poller_.queue(*this);
    }
    poller_.wake();
  }

  static void CALLBACK tell(void* context, BOOLEAN) noexcept { static_cast<Watch*>(context)->ask_to_look(); }

  Poller& poller_;
  const std::uint64_t token_;
  std::mutex mutex_;
  std::atomic<Ready> interest_;
  HANDLE waiting_[2] = {};  // one for each that it may be ready for
  bool is_removed_ = false;
};

Poller::Poller() noexcept = default;
Poller::~Poller() {
  while (next_to_look_at() != nullptr) continue;
  const Handle closing(woken_);
}

void Poller::open(std::error_code& ec) noexcept {
  woken_ = sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, FALSE, FALSE, LPCWSTR{nullptr});
  if (woken_ == nullptr) ec = last_error(Operation::other);
}

void Poller::add(Stream& stream, std::uint64_t token, Ready ready, std::error_code& ec) {
  auto watch = std::make_shared<Watch>(*this, token, ready);
  stream.make_probe(ec);
  if (!ec && any(ready & Ready::writable)) stream.make_pending_write(ec);
  if (ec) return;
  watch->stream = &stream;
  add_watch(&stream, std::move(watch));
}

void Poller::change(Stream& stream, std::uint64_t, Ready ready, std::error_code& ec) {
  if (any(ready & Ready::writable)) stream.make_pending_write(ec);
  if (!ec) change_object(&stream, ready);
}

void Poller::add(Listener& listener, std::uint64_t token, Ready ready, std::error_code&) {
  auto watch = std::make_shared<Watch>(*this, token, ready);
  watch->listener = &listener;
  add_watch(&listener, std::move(watch));
}

void Poller::change(Listener& listener, std::uint64_t, Ready ready, std::error_code&) noexcept {
  change_object(&listener, ready);
}

void Poller::add(const ProcessOfPeer& process, std::uint64_t token, std::error_code&) {
  auto watch = std::make_shared<Watch>(*this, token, Ready::ended);
  watch->process = process.handle;
  add_watch(process.handle, std::move(watch));
}

void Poller::add_watch(const void* object, WatchPointer watch) {
  {
    const std::lock_guard lock(mutex_);
    watches_.emplace(object, watch);
    queue(*watch);
  }
  wake();
}

void Poller::change_object(const void* object, Ready ready) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(object);
    if (found == watches_.end()) return;
    found->second->change(ready);
    queue(*found->second);
  }
  wake();
}

void Poller::remove_object(const void* object) noexcept {
  WatchPointer watch;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(object);
    if (found == watches_.end()) return;
    watch = std::move(found->second);
    watches_.erase(found);
  }
  watch->remove();
  const std::lock_guard lock(mutex_);
  unqueue(*watch);  // nobody may wait again for a long time
}

void Poller::queue(Watch& watch) noexcept {
  if (std::exchange(watch.is_queued, true)) return;
  watch.previous = last_;
  (last_ != nullptr ? last_->next : first_) = watch.shared_from_this();
  last_ = &watch;
  ++queued_;
}

void Poller::unqueue(Watch& watch) noexcept {
  if (!std::exchange(watch.is_queued, false)) return;
  Watch* const previous = std::exchange(watch.previous, nullptr);
  WatchPointer next = std::move(watch.next);
  (next != nullptr ? next->previous : last_) = previous;
  (previous != nullptr ? previous->next : first_) = std::move(next);
  --queued_;
}

Poller::WatchPointer Poller::next_to_look_at() noexcept {
  const std::lock_guard lock(mutex_);
  WatchPointer watch = first_;
  if (watch != nullptr) unqueue(*watch);
  return watch;
}

/// Those that are ready are looked at by the next wait as well, behind the others.
std::size_t Poller::look(std::span<Report> out) noexcept {
  std::size_t left = 0;
  {
    const std::lock_guard lock(mutex_);
    left = queued_;
    looks_blindly_ = false;
  }
  std::size_t count = 0;
  for (; left != 0 && count < out.size(); --left) {
    const WatchPointer watch = next_to_look_at();
    if (watch == nullptr) break;
    const Ready ready = watch->look();
    if (!any(ready)) continue;
    out[count++] = {watch->token(), ready};
    const std::lock_guard lock(mutex_);
    queue(*watch);
  }
  return count;
}

std::size_t Poller::wait(std::span<Report> out, Clock::duration time, std::error_code&) noexcept {
  const std::size_t count = look(out);
  // looks_blindly_ is this thread's alone.
  if (count != 0 || time == Clock::duration::zero()) return count;
  wait_for_any(woken_, nullptr, looks_blindly_ ? std::min<Clock::duration>(time, blind_wait) : time);
  return look(out);
}

void Poller::wake() noexcept { sys("SetEvent", ::SetEvent, HANDLE{woken_}); }

}  // namespace windows_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
