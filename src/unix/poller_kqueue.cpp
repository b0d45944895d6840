#if !defined(__linux__)

#include "kqueue_events.hpp"
#include "poller.hpp"
#include "system.hpp"

#include <algorithm>
#include <array>

#include <sys/event.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;

/// How many events one call tells at most.
constexpr std::size_t most_events = 256;

struct kevent change_of(std::uintptr_t what, short filter, unsigned short flags, unsigned note,
                        std::uint64_t token) noexcept {
  struct kevent change {};
  EV_SET(&change, what, filter, flags, note, 0, reinterpret_cast<void*>(static_cast<std::uintptr_t>(token)));
  return change;
}

std::array<struct kevent, 2> changes_for(int descriptor, Ready ready, std::uint64_t token) noexcept {
  const KqueueFilters filters = filters_for(ready);
  const auto flags = [](bool is_on) { return static_cast<unsigned short>(EV_ADD | (is_on ? EV_ENABLE : EV_DISABLE)); };
  const auto what = static_cast<std::uintptr_t>(descriptor);
  return {change_of(what, EVFILT_READ, flags(filters.read), 0, token),
          change_of(what, EVFILT_WRITE, flags(filters.write), 0, token)};
}

KqueueEvent event_of(const struct kevent& event) noexcept {
  const bool has_ended = (event.flags & EV_EOF) != 0;
  if (event.filter == EVFILT_READ) return {KqueueFilter::read, has_ended};
  if (event.filter == EVFILT_WRITE) return {KqueueFilter::write, has_ended};
  return {KqueueFilter::user};
}

bool submit(int queue, std::span<const struct kevent> changes) noexcept {
  const auto call = [](int at, const struct kevent* first, int count) {
    return ::kevent(at, first, count, nullptr, 0, nullptr);
  };
  return sys("kevent", call, queue, changes.data(), static_cast<int>(changes.size())) == 0;
}

timespec timespec_of(Clock::duration time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  timespec result{};
  result.tv_sec = static_cast<time_t>(std::min<decltype(seconds.count())>(seconds.count(), 100'000'000));
  result.tv_nsec = static_cast<long>(std::chrono::nanoseconds(time - seconds).count());
  return result;
}

}  // namespace

static_assert(sizeof(void*) == sizeof(std::uint64_t), "an event keeps a token in a pointer");

Poller::~Poller() {
  if (maker_ != process_generation()) static_cast<void>(queue_.release());
}

void Poller::open(std::error_code& ec) noexcept {
  queue_ = Descriptor(sys("kqueue", ::kqueue));
  maker_ = process_generation();
  if (queue_.is_open()) set_close_on_exec(queue_.get());
  const struct kevent waker = change_of(0, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
  if (!queue_.is_open() || !submit(queue_.get(), {&waker, 1})) ec = last_error(Operation::other);
}

void Poller::add(int descriptor, std::uint64_t token, Ready ready, std::error_code& ec) noexcept {
  change(descriptor, token, ready, ec);
}

void Poller::change(int descriptor, std::uint64_t token, Ready ready, std::error_code& ec) noexcept {
  if (!submit(queue_.get(), changes_for(descriptor, ready, token))) ec = last_error(Operation::other);
}

void Poller::remove(int descriptor) noexcept {
  const auto what = static_cast<std::uintptr_t>(descriptor);
  for (const short filter : {EVFILT_READ, EVFILT_WRITE}) {
    const struct kevent change = change_of(what, filter, EV_DELETE, 0, 0);
    submit(queue_.get(), {&change, 1});
  }
}

std::size_t Poller::wait(std::span<Report> out, Clock::duration time, std::error_code& ec) noexcept {
  std::array<struct kevent, most_events> events;
  const timespec limit = timespec_of(time);
  const auto call = [](int queue, struct kevent* first, int count, const timespec* until) {
    return ::kevent(queue, nullptr, 0, first, count, until);
  };
  const int found =
      sys("kevent", call, queue_.get(), events.data(), static_cast<int>(std::min(out.size(), events.size())),
          time == Clock::duration::max() ? nullptr : &limit);
  if (found < 0 && errno != EINTR) ec = last_error(Operation::other);
  std::size_t count = 0;
  for (const struct kevent& event : std::span(events).first(static_cast<std::size_t>(std::max(found, 0)))) {
    const Ready ready = ready_of(event_of(event));
    if (any(ready)) out[count++] = {reinterpret_cast<std::uintptr_t>(event.udata), ready};
  }
  return count;
}

void Poller::wake() noexcept {
  const struct kevent wake = change_of(0, EVFILT_USER, 0, NOTE_TRIGGER, 0);
  submit(queue_.get(), {&wake, 1});
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend

#endif
