// What kqueue is told, and what is made of its events: apart from its system calls, so that the tests of any system run
// it.
#pragma once

#include <localsocket/wait_set.hpp>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// The filters of <sys/event.h> that are used.
enum class KqueueFilter : unsigned char { read, write, user };

/// An event, by what of it counts.
struct KqueueEvent {
  KqueueFilter filter;
  bool has_ended = false;  // EV_EOF: nothing more will come, or be taken
};

/// The filters for a descriptor's readiness. Both are always there, the one that is not asked for disabled, so that a
/// change is a change of each and never a matter of what was there before.
struct KqueueFilters {
  bool read;
  bool write;
};

constexpr KqueueFilters filters_for(WaitSet::Ready ready) noexcept {
  return {any(ready & (WaitSet::Ready::readable | WaitSet::Ready::acceptable)), any(ready & WaitSet::Ready::writable)};
}

/// What an event says. The end of what can be read is readable, no more: the other direction may go on. A socket that
/// nobody will read from any more is told by the other filter.
constexpr WaitSet::Ready ready_of(const KqueueEvent& event) noexcept {
  switch (event.filter) {
    case KqueueFilter::read:
      return WaitSet::Ready::readable;
    case KqueueFilter::write:
      return event.has_ended ? WaitSet::Ready::writable | WaitSet::Ready::ended : WaitSet::Ready::writable;
    case KqueueFilter::user:
      break;
  }
  return WaitSet::Ready{};
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
