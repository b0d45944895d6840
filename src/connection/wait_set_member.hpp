// What a wait set has of one member.
#pragma once

#include <localsocket/wait_set.hpp>

#include "acceptor.hpp"
#include "connection.hpp"
#include "core/gate.hpp"
#include "core/read_ahead.hpp"
#include "event_state.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// A process with a handle of its own.
struct OwnedProcess {
  explicit OwnedProcess(const ProcessOfPeer& owned) noexcept : process(owned) {}
  OwnedProcess(const OwnedProcess&) = delete;
  OwnedProcess& operator=(const OwnedProcess&) = delete;
  // A child made by fork may not have it (a kqueue), and would close another descriptor.
  ~OwnedProcess() {
    if (process.handle != invalid_handle && maker == process_generation()) close_handle(process.handle);
  }

  ProcessOfPeer process;
  const std::uint32_t maker = process_generation();
};

using StreamMember = std::shared_ptr<Connection>;
using ListenerMember = std::shared_ptr<Acceptor>;
using EventMember = std::shared_ptr<EventState>;
using ProcessMember = std::unique_ptr<OwnedProcess>;

/// What is behind a member, which lives as long as that is in the set.
struct Watched {
  std::variant<std::monostate, StreamMember, ListenerMember, EventMember, ProcessMember> object;
  std::shared_ptr<ReadAhead> messages;  // of a stream of messages

  template <class Object>
  Object* get_if() noexcept {
    return std::get_if<Object>(&object);
  }
  /// The gate that tells of it; null for a process.
  Gate* gate() noexcept;
  bool is_closed() noexcept;
};

class WaitSetState;

class WaitSetMembers;

/// One element of the set. It stays where it is and is used again, under another generation, for another object.
struct alignas(64) WaitSetMember final : Gate::Observer {
  enum class State : unsigned char {
    none,     // free, or on its way in or out
    watched,  // the system is asked about it
    // The system is not asked:
    silent,           // nothing would be reported, and the system would tell of a peer that is gone all the time
    awaits_permit,    // a listener at max_connections
    awaits_handles,   // a listener without a descriptor for its next client, which looks at the clock
    known,            // an event, or a process that has exited: the set knows itself whether it is ready
    closed,           // its end is to be reported
    reported_closed,  // and has been: it is to be taken out
  };

  void notify() noexcept override;
  const void* owner() const noexcept override { return set; }

  /// What the system is given for it, and gives back.
  std::uint64_t token() const noexcept { return std::uint64_t{generation} << 32 | index; }

  // What a report takes, in one cache line: with thousands of members it is in no cache.
  WaitSet::Key key = 0;
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  std::uint32_t round = 0;   // in which it was reported last,
  std::uint32_t report = 0;  // and where
  WaitSet::Ready interest{};
  State state = State::none;
  bool observes = false;
  bool is_plain = false;  // a stream without messages
  Watched watched;
  WaitSetState* set = nullptr;
  // Of the members that are to be looked at whatever the system says.
  WaitSetMembers* list = nullptr;
  WaitSetMember* next = nullptr;
  WaitSetMember* previous = nullptr;
};

/// All members there have been, by their index. Each stays where it is.
class WaitSetSlots {
 public:
  std::size_t size() const noexcept { return size_; }
  WaitSetMember& operator[](std::size_t index) noexcept { return chunks_[index / per_chunk][index % per_chunk]; }
  WaitSetMember& add() {
    if (size_ % per_chunk == 0) chunks_.push_back(std::make_unique<WaitSetMember[]>(per_chunk));
    return (*this)[size_++];
  }

 private:
  // A power of two, or to find a member takes a division: a std::deque with as many bytes a block needs one.
  static constexpr std::size_t per_chunk = 16;

  std::vector<std::unique_ptr<WaitSetMember[]>> chunks_;
  std::size_t size_ = 0;
};

/// A list of members, each of which is in one list at most.
class WaitSetMembers {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  WaitSetMember* first() const noexcept { return first_; }
  void push_back(WaitSetMember& member) noexcept;
  void remove(WaitSetMember& member) noexcept;

 private:
  WaitSetMember* first_ = nullptr;
  WaitSetMember* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
