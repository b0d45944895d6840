#include "wait_set_member.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

Gate* Watched::gate() noexcept {
  if (auto* const stream = get_if<StreamMember>()) return &(*stream)->reading();
  if (auto* const listener = get_if<ListenerMember>()) return &(*listener)->accepting();
  if (auto* const event = get_if<EventMember>()) return &(*event)->gate;
  return nullptr;
}

bool Watched::is_closed() noexcept {
  if (auto* const stream = get_if<StreamMember>()) return !(*stream)->is_open();
  if (auto* const listener = get_if<ListenerMember>()) return !(*listener)->is_open();
  return false;
}

void WaitSetMembers::push_back(WaitSetMember& member) noexcept {
  member.list = this;
  member.next = nullptr;
  member.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &member;
  last_ = &member;
  ++size_;
}

void WaitSetMembers::remove(WaitSetMember& member) noexcept {
  (member.previous != nullptr ? member.previous->next : first_) = member.next;
  (member.next != nullptr ? member.next->previous : last_) = member.previous;
  member.list = nullptr;
  --size_;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
