#if defined(__linux__)

#include "poller.hpp"
#include "system.hpp"
#include "wait.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {
namespace {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;

/// Of the waker: no member of a set has it.
constexpr std::uint64_t waker_token = ~std::uint64_t{0};

std::uint32_t events_for(Ready ready) noexcept {
  std::uint32_t events = 0;
  if (any(ready & (Ready::readable | Ready::acceptable))) events |= EPOLLIN;
  if (any(ready & Ready::writable)) events |= EPOLLOUT;
  return events;
}

Ready ready_of(std::uint32_t events) noexcept {
  Ready ready{};
  if ((events & EPOLLIN) != 0) ready |= Ready::readable;
  if ((events & EPOLLOUT) != 0) ready |= Ready::writable;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) ready |= Ready::ended;
  return ready;
}

/// ENOSPC is the user's share of the kernel's memory for this, which is used up (max_user_watches, epoll(7)), and
/// ENODEV that there is no memory for an eventfd's inode (eventfd(2)).
std::error_code last_failure() noexcept {
  return native_error(Operation::other, errno == ENOSPC || errno == ENODEV ? ENOMEM : errno);
}

}  // namespace

Poller::~Poller() = default;

// The waker is edge-triggered: each write to it is told once, and nobody has to read it.
void Poller::open(std::error_code& ec) noexcept {
  queue_.close();
  waker_.close();
  const bool is_open = queue_.open([] { return sys("epoll_create1", ::epoll_create1, EPOLL_CLOEXEC); }) &&
                       waker_.open([] { return sys("eventfd", ::eventfd, 0U, EFD_CLOEXEC | EFD_NONBLOCK); }) &&
                       control(EPOLL_CTL_ADD, waker_.get(), waker_token, EPOLLIN | EPOLLET);
  if (!is_open) ec = last_failure();
}

bool Poller::control(int operation, int descriptor, std::uint64_t token, std::uint32_t events) noexcept {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return sys("epoll_ctl", ::epoll_ctl, queue_.get(), operation, descriptor, &event) == 0;
}

void Poller::add(int descriptor, std::uint64_t token, Ready ready, std::error_code& ec) noexcept {
  if (!control(EPOLL_CTL_ADD, descriptor, token, events_for(ready))) ec = last_failure();
}

void Poller::change(int descriptor, std::uint64_t token, Ready ready, std::error_code& ec) noexcept {
  if (!control(EPOLL_CTL_MOD, descriptor, token, events_for(ready))) ec = last_failure();
}

// Closing is not enough: while a duplicate is open somewhere, the file goes on to be reported (epoll(7)).
void Poller::remove(int descriptor) noexcept { control(EPOLL_CTL_DEL, descriptor, 0, 0); }

// The kernel puts its events where the reports go, which are larger: there is no buffer to be allocated, and no limit
// to what one call tells. From the last on, so that no event is overwritten before it has been read.
std::size_t Poller::wait(std::span<Report> out, Clock::duration time, std::error_code& ec) noexcept {
  static_assert(sizeof(epoll_event) <= sizeof(Report) && alignof(epoll_event) <= alignof(Report));
  constexpr std::size_t most = INT_MAX / sizeof(epoll_event);  // EP_MAX_EVENTS
  auto* const memory = reinterpret_cast<std::byte*>(out.data());
  const int found = sys("epoll_wait", ::epoll_wait, queue_.get(), reinterpret_cast<epoll_event*>(memory),
                        static_cast<int>(std::min(out.size(), most)), to_milliseconds(time));
  if (found < 0) {
    if (errno != EINTR) ec = last_error(Operation::other);
    return 0;
  }
  for (auto i = static_cast<std::size_t>(found); i-- > 0;) {
    epoll_event event;
    std::memcpy(&event, memory + i * sizeof event, sizeof event);
    out[i] = {event.data.u64, ready_of(event.events)};
  }
  const auto reports = out.first(static_cast<std::size_t>(found));
  const auto end =
      std::remove_if(reports.begin(), reports.end(), [](const Report& report) { return report.key == waker_token; });
  return static_cast<std::size_t>(end - reports.begin());
}

void Poller::wake() noexcept {
  const std::uint64_t one = 1;
  unless_interrupted([&] { return sys("write", ::write, waker_.get(), &one, sizeof one); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend

#endif
