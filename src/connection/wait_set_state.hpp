// What is behind a WaitSet: its members, and what of them is ready without the system being asked.
//
// Two mutexes: `changing_` is held by whoever adds, changes or takes out a member, from its beginning to its end;
// inside of it, shortly, `mutex_`, which guards what the waiting thread sees. A member is told by its object's gate,
// with the gate's mutex held, and takes `mutex_` then: so nothing that locks a gate, such as the end of an object,
// happens with `mutex_` held. The waiting thread holds neither while it waits, reads ahead, or lets go of an object.
#pragma once

#include <localsocket/wait.hpp>
#include <localsocket/wait_set.hpp>

#include "backend.hpp"
#include "core/gate.hpp"
#include "wait_set_member.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

class WaitSetState {
 public:
  using Key = WaitSet::Key;
  using Ready = WaitSet::Ready;
  using Report = WaitSet::Report;

  WaitSetState() = default;
  WaitSetState(const WaitSetState&) = delete;
  WaitSetState& operator=(const WaitSetState&) = delete;
  ~WaitSetState();

  void add(Key key, Watched&& watched, Ready ready, std::error_code& ec);
  void change(Key key, Ready ready, std::error_code& ec);
  void remove(Key key) noexcept;
  std::size_t wait(std::span<Report> out, const Wait& wait, std::error_code& ec);

 private:
  friend struct WaitSetMember;
  using State = WaitSetMember::State;
  class WaitingThread;

  // A child made by fork has copies of locks that threads of its parent may hold: it touches nothing.
  bool is_of_other_process() const noexcept { return maker_ != process_generation(); }

  // With changing_ held.
  WaitSetMember& new_member(Key key);
  void enter(WaitSetMember& member, std::error_code& ec);
  void take_out(WaitSetMember& member) noexcept;

  // With mutex_ held.
  void open(std::error_code& ec);
  void start_watching(WaitSetMember& member, std::error_code& ec);
  void change_watching(WaitSetMember& member, Ready ready, std::error_code& ec);
  void stop_watching(WaitSetMember& member) noexcept;
  void told(WaitSetMember& member) noexcept;
  void told_of_listener(WaitSetMember& member, Acceptor& acceptor) noexcept;
  void rest(WaitSetMember& member, Acceptor& acceptor, State state) noexcept;
  void go_on(WaitSetMember& member, Acceptor& acceptor) noexcept;
  void end_rest(WaitSetMember& member) noexcept;
  void look_at(WaitSetMember& member) noexcept;
  void wake() noexcept;
  WaitSetMember* member_of(std::uint64_t token) noexcept;
  Ready known(WaitSetMember& member) noexcept;
  Ready seen(WaitSetMember& member, Ready native) noexcept;
  Ready seen_of_stream(WaitSetMember& member, Ready native) noexcept;
  void put(WaitSetMember& member, const Report& report, std::span<Report> out, std::size_t& count) noexcept;
  std::size_t collect(std::span<Report> out, std::size_t count, std::size_t most) noexcept;
  std::size_t settle(std::span<Report> out, std::size_t count, std::size_t polled, bool& is_to_look) noexcept;
  void look_for_handles() noexcept;

  // On the waiting thread.
  std::size_t round(std::span<Report> out, Call& call, std::error_code& ec);
  std::size_t poll(std::span<Report> out, std::size_t count, Clock::duration time, std::error_code& ec);
  std::size_t look_for_messages(std::span<Report> out, std::size_t from, std::size_t to);
  Ready look_for_message(Report& report);
  void take_out_closed() noexcept;

  const std::uint32_t maker_ = process_generation();

  std::mutex changing_;
  std::unordered_map<Key, std::uint32_t> index_of_;
  std::vector<std::uint32_t> free_;

  std::mutex mutex_;
  NativePoller poller_;
  WaitSetSlots members_;
  WaitSetMembers to_look_at_;
  WaitSetMembers closed_;   // reported, and still to be taken out
  WaitSetMembers resting_;  // listeners that wait for handles
  Clock::time_point look_for_handles_at_{};
  std::uint32_t round_ = 0;
  bool is_open_ = false;
  bool is_claimed_ = false;   // by a thread that waits
  bool is_blocked_ = false;   // that thread is to be woken
  bool known_first_ = false;  // whose time it is, when there is space for a single report
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
