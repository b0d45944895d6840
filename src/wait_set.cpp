#include <localsocket/wait_set.hpp>

#include <localsocket/listener.hpp>
#include <localsocket/message_stream.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/stream.hpp>

#include "connection/event_state.hpp"
#include "connection/wait_set_state.hpp"
#include "core/address_parts.hpp"
#include "core/errors.hpp"
#include "core/read_ahead.hpp"

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

Event::Event() : state_(std::make_shared<detail::EventState>()) {}
Event::Event(Event&& other) noexcept = default;
Event& Event::operator=(Event&& other) noexcept {
  if (this != &other) state_ = std::exchange(other.state_, nullptr);
  return *this;
}
Event::~Event() = default;

void Event::set() noexcept {
  if (state_ && !state_->is_set.exchange(true)) state_->gate.tell_observers();
}

void Event::reset() noexcept {
  if (state_) state_->is_set = false;
}

bool Event::is_set() const noexcept { return state_ && state_->is_set; }

WaitSet::WaitSet() : state_(std::make_unique<detail::WaitSetState>()) {}
WaitSet::WaitSet(WaitSet&& other) noexcept = default;
WaitSet& WaitSet::operator=(WaitSet&& other) noexcept = default;
WaitSet::~WaitSet() = default;

namespace {

/// Whether there is what is to be added, and a set for it.
template <class Set, class Object>
bool are_open(const Set& set, const Object& object, std::error_code& ec) noexcept {
  ec = set && object ? std::error_code() : detail::error(detail::Operation::other, Errc::closed);
  return !ec;
}

constexpr std::string_view adding = "add to a wait set";

}  // namespace

void WaitSet::add(Key key, LocalListener& listener, std::error_code& ec) {
  if (are_open(state_, listener.acceptor_, ec)) state_->add(key, {listener.acceptor_, {}}, Ready::acceptable, ec);
}

void WaitSet::add(Key key, LocalStream& stream, Ready ready, std::error_code& ec) {
  if (are_open(state_, stream.connection_, ec)) state_->add(key, {stream.connection_, {}}, ready, ec);
}

void WaitSet::add(Key key, MessageStream& stream, Ready ready, std::error_code& ec) {
  std::shared_ptr<detail::ReadAhead> messages = detail::ReadAhead::of(stream);
  const bool is_open = messages && stream.stream_.connection_;
  if (are_open(state_, is_open, ec)) state_->add(key, {stream.stream_.connection_, std::move(messages)}, ready, ec);
}

void WaitSet::add(Key key, Event& event, std::error_code& ec) {
  if (are_open(state_, event.state_, ec)) state_->add(key, {event.state_, {}}, Ready::set, ec);
}

void WaitSet::add(Key key, PeerProcess& process, std::error_code& ec) {
  if (!are_open(state_, !process.is_none(), ec)) return;
  auto owned = std::make_unique<detail::OwnedProcess>(detail::ProcessOfPeer());
  owned->process = detail::duplicate(process.process_, ec);
  if (!ec) state_->add(key, {std::move(owned), {}}, Ready::ended, ec);
}

void WaitSet::change(Key key, Ready ready, std::error_code& ec) {
  if (are_open(state_, true, ec)) state_->change(key, ready, ec);
}

void WaitSet::remove(Key key) noexcept {
  if (state_) state_->remove(key);
}

std::size_t WaitSet::wait(std::span<Report> out, const Wait& wait, std::error_code& ec) {
  return are_open(state_, true, ec) ? state_->wait(out, wait, ec) : 0;
}

void WaitSet::add(Key key, LocalListener& listener) {
  detail::or_raise(adding, listener.local_address(), [&](std::error_code& ec) { add(key, listener, ec); });
}

void WaitSet::add(Key key, LocalStream& stream, Ready ready) {
  detail::or_raise(adding, stream.name(), [&](std::error_code& ec) { add(key, stream, ready, ec); });
}

void WaitSet::add(Key key, MessageStream& stream, Ready ready) {
  detail::or_raise(adding, stream.stream().name(), [&](std::error_code& ec) { add(key, stream, ready, ec); });
}

void WaitSet::add(Key key, Event& event) {
  detail::or_raise(adding, detail::unnamed.value, [&](std::error_code& ec) { add(key, event, ec); });
}

void WaitSet::add(Key key, PeerProcess& process) {
  detail::or_raise(adding, detail::unnamed.value, [&](std::error_code& ec) { add(key, process, ec); });
}

void WaitSet::change(Key key, Ready ready) {
  detail::or_raise("change in a wait set", detail::unnamed.value, [&](std::error_code& ec) { change(key, ready, ec); });
}

std::size_t WaitSet::wait(std::span<Report> out, const Wait& wait) {
  return detail::or_raise("wait for many", detail::unnamed.value,
                          [&](std::error_code& ec) { return this->wait(out, wait, ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
