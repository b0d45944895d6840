#include "wait_set_state.hpp"

#include "core/errors.hpp"
#include "core/seams.hpp"
#include "core/stop_callback.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

using Ready = WaitSet::Ready;
using Report = WaitSet::Report;

/// How often a listener without descriptors looks for one.
constexpr std::chrono::milliseconds handle_interval{100};

/// Of a report that is not made yet: whether a message is complete is still to be seen. Its key is the member's token.
constexpr Ready message_to_look_for = static_cast<Ready>(1U << 31);

constexpr Ready of_streams = Ready::readable | Ready::writable;

std::error_code failure(std::errc condition) noexcept { return error(Operation::other, condition); }

bool lacks_direction(const Gate& gate) noexcept { return !gate.is_usable() && !gate.is_closed(); }

/// Whether it can be watched for that.
std::error_code check(Watched& watched, Ready ready) noexcept {
  Ready possible = Ready::ended;
  if (auto* const stream = watched.get_if<StreamMember>()) {
    possible |= of_streams;
    const bool lacks_reading = any(ready & Ready::readable) && lacks_direction((*stream)->reading());
    const bool lacks_writing = any(ready & Ready::writable) && lacks_direction((*stream)->writing());
    if (lacks_reading || lacks_writing) return failure(std::errc::operation_not_supported);
  } else if (watched.get_if<ListenerMember>() != nullptr) {
    possible |= Ready::acceptable;
  } else if (watched.get_if<EventMember>() != nullptr) {
    possible |= Ready::set;
  }
  return any(ready & ~possible) ? failure(std::errc::invalid_argument) : std::error_code();
}

/// Whether a receive takes something at once. Reads once at most.
bool can_receive(Connection& connection, ReadAhead& messages) {
  if (messages.can_receive() || !messages.reads_ahead()) return true;
  std::error_code ec;
  try {
    const std::size_t count = connection.read_now(messages.space(), ec);
    messages.commit(count);
    if (count != 0) return messages.can_receive();
  } catch (const std::bad_alloc&) {
    return true;  // the receive throws it
  }
  return ec != std::errc::operation_would_block;
}

}  // namespace

void WaitSetMember::notify() noexcept {
  const std::lock_guard lock(set->mutex_);
  set->told(*this);
}

/// The one thread that waits, as long as it does.
class WaitSetState::WaitingThread {
 public:
  WaitingThread(WaitSetState& set, const Wait& wait, std::error_code& ec) noexcept
      : claim_(set, ec), on_stop_(ec ? stop_token() : wait.stop_token(), Wake{set.poller_}) {}
  WaitingThread(const WaitingThread&) = delete;
  WaitingThread& operator=(const WaitingThread&) = delete;

 private:
  struct Claim {
    Claim(WaitSetState& set, std::error_code& ec) noexcept {
      const std::lock_guard lock(set.mutex_);
      if (set.is_claimed_) {
        ec = failure(std::errc::operation_not_supported);
        return;
      }
      set.open(ec);
      if (ec) return;
      set.is_claimed_ = true;
      claimed = &set;
    }
    ~Claim() {
      if (claimed == nullptr) return;
      const std::lock_guard lock(claimed->mutex_);
      claimed->is_claimed_ = false;
    }

    WaitSetState* claimed = nullptr;
  };
  struct Wake {
    NativePoller& poller;
    void operator()() const noexcept { poller.wake(); }
  };

  Claim claim_;
  OnStop<Wake> on_stop_;
};

WaitSetState::~WaitSetState() {
  if (is_of_other_process()) return;
  const std::lock_guard lock(changing_);
  while (!index_of_.empty()) take_out(members_[index_of_.begin()->second]);
}

// Adding, changing, taking out.

void WaitSetState::add(Key key, Watched&& watched, Ready ready, std::error_code& ec) {
  ec = is_of_other_process() ? error(Operation::other, Errc::closed) : check(watched, ready);
  if (ec) return;
  const std::lock_guard lock(changing_);
  if (index_of_.contains(key)) {
    ec = failure(std::errc::invalid_argument);
    return;
  }
  WaitSetMember& member = new_member(key);
  member.set = this;
  member.key = key;
  member.interest = ready;
  member.watched = std::move(watched);
  member.is_plain = member.watched.get_if<StreamMember>() != nullptr && !member.watched.messages;
  Gate* const gate = member.watched.gate();
  member.observes = gate != nullptr && gate->observe(member);
  if (gate != nullptr && !member.observes) {
    ec = failure(std::errc::invalid_argument);
  } else {
    enter(member, ec);
  }
  if (ec) take_out(member);
}

WaitSetMember& WaitSetState::new_member(Key key) {
  if (free_.empty()) {
    const std::size_t count = members_.size() + 1;
    if (free_.capacity() < count) free_.reserve(2 * count);  // so that taking a member out needs no memory
    const std::lock_guard lock(mutex_);
    WaitSetMember& member = members_.add();
    member.index = static_cast<std::uint32_t>(count - 1);
    free_.push_back(member.index);
  }
  index_of_.emplace(key, free_.back());
  WaitSetMember& member = members_[free_.back()];
  free_.pop_back();
  return member;
}

// It is observed by now: a close that comes after the look at it is told of, and waits for the mutex until then with
// the handle open.
void WaitSetState::enter(WaitSetMember& member, std::error_code& ec) {
  const std::lock_guard lock(mutex_);
  if (member.watched.is_closed()) {
    ec = error(Operation::other, Errc::closed);
    return;
  }
  open(ec);
  try {
    if (!ec) start_watching(member, ec);
  } catch (const std::bad_alloc&) {
    ec = failure(std::errc::not_enough_memory);
  }
}

void WaitSetState::take_out(WaitSetMember& member) noexcept {
  {
    const std::lock_guard lock(mutex_);
    stop_watching(member);
    if (member.list != nullptr) member.list->remove(member);
    member.state = State::none;
    member.round = 0;
    ++member.generation;
  }
  if (std::exchange(member.observes, false)) member.watched.gate()->unobserve(member);
  member.watched = {};
  index_of_.erase(member.key);
  free_.push_back(member.index);
}

void WaitSetState::change(Key key, Ready ready, std::error_code& ec) {
  ec = is_of_other_process() ? error(Operation::other, Errc::closed) : std::error_code();
  if (ec) return;
  const std::lock_guard lock(changing_);
  const auto found = index_of_.find(key);
  if (found == index_of_.end()) {
    ec = failure(std::errc::invalid_argument);
    return;
  }
  WaitSetMember& member = members_[found->second];
  ec = check(member.watched, ready);
  if (ec) return;
  const std::lock_guard inner_lock(mutex_);
  change_watching(member, ready, ec);
}

void WaitSetState::remove(Key key) noexcept {
  if (is_of_other_process()) return;
  const std::lock_guard lock(changing_);
  if (const auto found = index_of_.find(key); found != index_of_.end()) take_out(members_[found->second]);
}

// What the system is asked.

void WaitSetState::open(std::error_code& ec) {
  if (is_open_) return;
  poller_.open(ec);
  is_open_ = !ec;
}

void WaitSetState::start_watching(WaitSetMember& member, std::error_code& ec) {
  auto* const process = member.watched.get_if<ProcessMember>();
  const bool is_known =
      member.watched.get_if<EventMember>() != nullptr || (process != nullptr && (*process)->process.has_exited);
  if (auto* const stream = member.watched.get_if<StreamMember>()) {
    poller_.add((*stream)->native(), member.token(), member.interest, ec);
  } else if (auto* const listener = member.watched.get_if<ListenerMember>()) {
    poller_.add((*listener)->native(), member.token(), member.interest, ec);
  } else if (process != nullptr && !is_known) {
    poller_.add((*process)->process, member.token(), ec);
  }
  if (ec) return;
  member.state = is_known ? State::known : State::watched;
  if (is_known || member.watched.messages) look_at(member);
}

void WaitSetState::change_watching(WaitSetMember& member, Ready ready, std::error_code& ec) {
  auto* const stream = member.watched.get_if<StreamMember>();
  auto* const listener = member.watched.get_if<ListenerMember>();
  if (stream != nullptr && member.state == State::watched) {
    poller_.change((*stream)->native(), member.token(), ready, ec);
  } else if (stream != nullptr && member.state == State::silent && any(ready & of_streams)) {
    poller_.add((*stream)->native(), member.token(), ready, ec);
    if (!ec) member.state = State::watched;
  } else if (listener != nullptr && member.state == State::watched) {
    poller_.change((*listener)->native(), member.token(), ready, ec);
  }
  if (ec) return;
  member.interest = ready;
  if (member.state == State::known || member.watched.messages) look_at(member);
}

void WaitSetState::stop_watching(WaitSetMember& member) noexcept {
  const bool is_asked =
      member.state == State::watched || member.state == State::awaits_permit || member.state == State::awaits_handles;
  end_rest(member);
  if (!is_asked) return;
  if (auto* const stream = member.watched.get_if<StreamMember>()) {
    poller_.remove((*stream)->native());
  } else if (auto* const listener = member.watched.get_if<ListenerMember>()) {
    poller_.remove((*listener)->native());
  } else if (auto* const process = member.watched.get_if<ProcessMember>()) {
    poller_.remove((*process)->process);
  }
}

// What the members tell.

void WaitSetState::told(WaitSetMember& member) noexcept {
  const bool is_in = member.state != State::none && member.state != State::closed;
  if (!is_in || member.state == State::reported_closed) return;
  if (member.watched.is_closed()) {
    stop_watching(member);
    member.state = State::closed;
    look_at(member);
  } else if (const auto* const listener = member.watched.get_if<ListenerMember>()) {
    told_of_listener(member, **listener);
  } else if (member.watched.messages || member.state == State::known) {
    look_at(member);
  }
}

void WaitSetState::told_of_listener(WaitSetMember& member, Acceptor& acceptor) noexcept {
  switch (member.state) {
    case State::watched:
      if (acceptor.lacks_handles()) rest(member, acceptor, State::awaits_handles);
      break;
    case State::awaits_permit:
      if (acceptor.has_permit()) go_on(member, acceptor);
      break;
    case State::awaits_handles:
      if (!acceptor.lacks_handles()) go_on(member, acceptor);
      break;
    default:
      break;
  }
}

void WaitSetState::rest(WaitSetMember& member, Acceptor& acceptor, State state) noexcept {
  std::error_code cannot;
  poller_.change(acceptor.native(), member.token(), Ready{}, cannot);
  member.state = state;
  if (state != State::awaits_handles) return;
  if (resting_.empty()) look_for_handles_at_ = Clock::now() + handle_interval;
  resting_.push_back(member);
  wake();  // who waits has to look at the clock now
}

void WaitSetState::go_on(WaitSetMember& member, Acceptor& acceptor) noexcept {
  std::error_code cannot;
  end_rest(member);
  poller_.change(acceptor.native(), member.token(), member.interest, cannot);
  member.state = State::watched;
}

void WaitSetState::end_rest(WaitSetMember& member) noexcept {
  if (member.list == &resting_) resting_.remove(member);
}

void WaitSetState::look_for_handles() noexcept {
  if (resting_.empty() || Clock::now() < look_for_handles_at_) return;
  if (has_spare_handle()) {
    while (!resting_.empty()) go_on(*resting_.first(), **resting_.first()->watched.get_if<ListenerMember>());
  } else {
    look_for_handles_at_ = Clock::now() + handle_interval;
  }
}

void WaitSetState::look_at(WaitSetMember& member) noexcept {
  if (member.list == nullptr) to_look_at_.push_back(member);
  wake();
}

void WaitSetState::wake() noexcept {
  if (std::exchange(is_blocked_, false)) poller_.wake();
}

// Waiting.

std::size_t WaitSetState::wait(std::span<Report> out, const Wait& wait, std::error_code& ec) {
  ec = is_of_other_process() ? error(Operation::other, Errc::closed) : std::error_code();
  if (!ec && out.empty()) ec = failure(std::errc::invalid_argument);
  if (ec) return 0;
  Gate gate;  // nobody else knows it: its Wait alone ends the call
  Call call(gate, wait);
  if (call.begin() != Interruption::none) return 0;
  std::size_t count = 0;
  {
    const WaitingThread waiting(*this, wait, ec);
    bool goes_on = !ec;
    while (goes_on) {
      count = round(out, call, ec);
      goes_on = count == 0 && !ec && call.refused() == Interruption::none;
    }
  }
  take_out_closed();
  return count;
}

// Of what is known without a system call half the reports at most are made first, so that neither keeps the other from
// being reported.
std::size_t WaitSetState::round(std::span<Report> out, Call& call, std::error_code& ec) {
  const bool may_wait = call.refused() == Interruption::none;
  Clock::duration time = Clock::duration::zero();
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    ++round_;
    look_for_handles();
    known_first_ = !known_first_;
    count = collect(out, 0, out.size() / 2 + (known_first_ ? out.size() % 2 : 0));
    if (to_look_at_.empty() && may_wait) time = call.remaining();
    if (!resting_.empty()) {
      time = std::clamp<Clock::duration>(look_for_handles_at_ - Clock::now(), Clock::duration::zero(), time);
    }
    is_blocked_ = time != Clock::duration::zero();
  }
  count = poll(out, count, time, ec);
  if (count != 0) ec.clear();
  return count;
}

std::size_t WaitSetState::poll(std::span<Report> out, std::size_t count, Clock::duration time, std::error_code& ec) {
  if (count == out.size()) return count;
  const bool waits = time != Clock::duration::zero();
  if (waits) seams::tell(seams::Step::waits);
  const std::size_t polled = poller_.wait(out.subspan(count), time, ec);
  if (waits) seams::tell(seams::Step::goes_on);
  std::size_t settled = 0;
  {
    const std::lock_guard lock(mutex_);
    is_blocked_ = false;
    bool is_to_look = false;
    settled = settle(out, count, polled, is_to_look);
    if (!is_to_look) return collect(out, settled, out.size());
  }
  count = look_for_messages(out, count, settled);
  const std::lock_guard lock(mutex_);
  return collect(out, count, out.size());
}

/// The member, if it is still the one that the system was asked about.
WaitSetMember* WaitSetState::member_of(std::uint64_t token) noexcept {
  const auto index = static_cast<std::uint32_t>(token);
  if (index >= members_.size()) return nullptr;
  WaitSetMember& member = members_[index];
  return member.token() == token && member.state == State::watched ? &member : nullptr;
}

/// What it is ready for, without the system.
Ready WaitSetState::known(WaitSetMember& member) noexcept {
  if (member.state == State::closed) return Ready::ended;
  if (const auto* const event = member.watched.get_if<EventMember>()) {
    return (*event)->is_set ? member.interest & Ready::set : Ready{};
  }
  if (member.watched.get_if<ProcessMember>() != nullptr) return Ready::ended;
  const bool is_readable = member.watched.messages && member.watched.messages->can_receive();
  return is_readable ? member.interest & Ready::readable : Ready{};
}

/// Reports what is known, from out[count] on, until there are `most`; returns how many there are. What is ready stays
/// to be looked at, behind the others.
std::size_t WaitSetState::collect(std::span<Report> out, std::size_t count, std::size_t most) noexcept {
  for (std::size_t left = to_look_at_.size(); left != 0 && count < most; --left) {
    WaitSetMember& member = *to_look_at_.first();
    to_look_at_.remove(member);
    const bool is_reported = member.round == round_;
    const Ready what = known(member);
    if (!any(what)) continue;
    if (!is_reported) put(member, {member.key, what}, out, count);
    if (member.state == State::closed && !is_reported) {
      member.state = State::reported_closed;
      closed_.push_back(member);
    } else {
      to_look_at_.push_back(member);
    }
  }
  return count;
}

void WaitSetState::put(WaitSetMember& member, const Report& report, std::span<Report> out,
                       std::size_t& count) noexcept {
  if (member.round == round_) {
    out[member.report].what |= report.what;
    return;
  }
  member.round = round_;
  member.report = static_cast<std::uint32_t>(count);
  out[count++] = report;
}

/// What it is ready for, as the system says.
Ready WaitSetState::seen(WaitSetMember& member, Ready native) noexcept {
  if (member.is_plain || member.watched.get_if<StreamMember>() != nullptr) return seen_of_stream(member, native);
  if (auto* const listener = member.watched.get_if<ListenerMember>()) {
    if ((*listener)->has_permit()) return member.interest & Ready::acceptable;
    rest(member, **listener, State::awaits_permit);
    return Ready{};
  }
  // Once is enough: a process stays what it is.
  (*member.watched.get_if<ProcessMember>())->process.has_exited = true;
  stop_watching(member);
  member.state = State::known;
  look_at(member);
  return Ready{};
}

// A system may tell of a peer that is gone whatever it was asked about, and does not stop.
Ready WaitSetState::seen_of_stream(WaitSetMember& member, Ready native) noexcept {
  const bool has_ended = any(native & Ready::ended);
  const Ready what = (has_ended ? of_streams : native) & member.interest & of_streams;
  if (has_ended && !any(what)) {
    poller_.remove((*member.watched.get_if<StreamMember>())->native());
    member.state = State::silent;
  }
  return what;
}

/// Makes reports of what the system says, which is from out[count] on; returns how many there are then, and says
/// whether messages are to be looked for.
std::size_t WaitSetState::settle(std::span<Report> out, std::size_t count, std::size_t polled,
                                 bool& is_to_look) noexcept {
  const auto said = out.subspan(count, polled);
  for (const Report& report : said) {
    const Report native = report;
    WaitSetMember* const member = member_of(native.key);
    if (member == nullptr) continue;
    const Ready what = seen(*member, native.what);
    if (!any(what)) continue;
    const bool may_be_message =
        !member->is_plain && member->watched.messages && any(what & Ready::readable) && member->round != round_;
    is_to_look = is_to_look || may_be_message;
    put(*member, may_be_message ? Report{native.key, what | message_to_look_for} : Report{member->key, what}, out,
        count);
  }
  return count;
}

std::size_t WaitSetState::look_for_messages(std::span<Report> out, std::size_t from, std::size_t to) {
  std::size_t count = from;
  for (Report report : out.subspan(from, to - from)) {
    if (any(report.what & message_to_look_for)) report.what = look_for_message(report);
    if (any(report.what)) out[count++] = report;
  }
  return count;
}

/// Gives the report the key of its member, and returns what that is ready for.
Ready WaitSetState::look_for_message(Report& report) {
  const std::uint64_t token = report.key;
  StreamMember connection;
  std::shared_ptr<ReadAhead> messages;
  {
    const std::lock_guard lock(mutex_);
    WaitSetMember* const member = member_of(token);
    if (member == nullptr) return Ready{};
    connection = *member->watched.get_if<StreamMember>();
    messages = member->watched.messages;
    report.key = member->key;
  }
  const Ready others = report.what & Ready::writable;
  if (!can_receive(*connection, *messages)) return others;
  const std::lock_guard lock(mutex_);
  WaitSetMember* const member = member_of(token);
  if (member == nullptr) return Ready{};
  if (messages->can_receive()) look_at(*member);
  return others | Ready::readable;
}

void WaitSetState::take_out_closed() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (closed_.empty()) return;
  }
  const std::lock_guard lock(changing_);
  for (;;) {
    WaitSetMember* closed = nullptr;
    {
      const std::lock_guard inner_lock(mutex_);
      closed = closed_.first();
    }
    if (closed == nullptr) return;
    take_out(*closed);
  }
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
