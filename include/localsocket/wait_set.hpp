// One thread that waits for many: streams, listeners, events and processes.
#pragma once

#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {
struct EventState;
class WaitSetState;
}  // namespace detail

class LocalListener;
class LocalStream;
class MessageStream;
class PeerProcess;

/// Something that a program tells the thread that waits in a WaitSet: set once, it stays set until it is reset.
///
///     Event quit;
///     waiting.add(quit_key, quit);
///     …
///     quit.set();  // from any thread
///
/// It costs no descriptor and no handle, and can be in any number of sets. set() and reset() may be called from any
/// thread, but not from a signal handler; moving, assigning and the destructor need the object alone. One that was
/// moved from is of no use: set() does nothing, and add() gives Errc::closed. In a child made by fork it is a copy,
/// which the parent's sets know nothing of.
class LOCALSOCKET_EXPORT Event {
 public:
  /// Not set. Throws nothing but std::bad_alloc.
  Event();
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  ~Event();

  void set() noexcept;
  void reset() noexcept;
  bool is_set() const noexcept;

 private:
  friend class WaitSet;
  std::shared_ptr<detail::EventState> state_;
};

/// Waits for many at once, on one thread: epoll, kqueue or a completion port behind one interface. The streams and
/// listeners in it are read, written and accepted from as ever. Move-only.
///
///     WaitSet waiting;
///     waiting.add(0, listener);
///     std::array<WaitSet::Report, 64> reports;
///     for (;;) {
///       const std::size_t count = waiting.wait(reports);
///       for (const auto& [key, what] : std::span(reports).first(count)) …  // accept, read_some(buffer, 0s, ec), …
///     }
///
/// **What a report means.** A set is level-triggered: what can be done is reported by each wait until it has been done.
/// It is a hint: another thread may have been faster, so a call may still have to wait. add() changes no mode of a
/// stream: use set_nonblocking(true), or a Wait of 0s. What is watched for:
///
/// | member        | reported   | when                                                                             |
/// | ------------- | ---------- | -------------------------------------------------------------------------------- |
/// | LocalListener | acceptable | a client waits, and there are a descriptor and a permit (max_connections) for it |
/// | LocalStream   | readable   | there are bytes, or the end of the stream, or an error                           |
/// | LocalStream   | writable   | there is space for more, or the peer is gone                                     |
/// | MessageStream | readable   | a whole message, the end, or an error can be received; part of one is not told   |
/// | MessageStream | writable   | as of a stream: a send or flush may go on                                        |
/// | Event         | set        | it is set                                                                        |
/// | PeerProcess   | ended      | it has exited                                                                    |
/// | all           | ended      | it was closed: once, and it is in the set no more                                |
///
/// **What the set holds.** It keeps alive what is behind the object: the connection, the listener, the event, a handle
/// of the process. The object itself may be moved. Destroying it alone closes nothing while it is in the set: close()
/// it, from any thread, which is reported as `ended` once and takes it out; or remove() it. A key is the caller's to
/// choose, and can be used again after remove() or the report of the end. Nothing is ever reported of a key that has
/// been removed before the wait began. An object may be in several sets, once in each.
///
/// **Messages.** The set reads ahead for a MessageStream in it, so a view that receive() gave is valid until the next
/// wait at most, and while one thread waits no other may receive. A message above 64 KiB is gathered as it comes, up to
/// max_size.
///
/// **Threads.** add, change and remove may be called from any thread, also during a wait, and are in force within 20
/// ms. One thread at a time waits; the wait of another is operation_not_supported. Moving, assigning and the destructor
/// need the set alone. A set that was moved from gives Errc::closed.
///
/// **Costs** (Unix). A wait with any number of ready members is one system call and allocates nothing, and so are add,
/// change and remove. A set has two descriptors, a member none.
///
/// **fork.** A set stays with the process that made it. In a child each call gives Errc::closed, and destroying the
/// copy changes nothing in the parent.
///
/// **Windows.** A stream in a set has a second handle, an event, and two more once it was watched for `writable`. From
/// then on a write that may not wait and finds the pipe full leaves up to 64 KiB, or one packet of that size, to a
/// write that goes on by itself, and says that they are written. While that is under way nothing is writable; close()
/// and release() leave it alone, so that the peer reads all of it and then the end; if it fails, each later write
/// tells. The end of the process ends it: drain() waits until the peer has read all.
class LOCALSOCKET_EXPORT WaitSet {
 public:
  using Key = std::uint64_t;

  enum class Ready : unsigned {
    acceptable = 1,
    readable = 2,
    writable = 4,
    ended = 8,  ///< need not be asked for
    set = 16,
  };

  struct Report {
    Key key;
    Ready what;  ///< one or several
  };

  /// Empty. Takes its descriptors with the first add or wait. Throws nothing but std::bad_alloc.
  WaitSet();
  WaitSet(WaitSet&& other) noexcept;
  WaitSet& operator=(WaitSet&& other) noexcept;
  ~WaitSet();

  /// Puts it into the set. Errors: invalid_argument (the key is in use, the object is in this set already, or it cannot
  /// be ready for that), operation_not_supported (its direction), Errc::closed, and
  /// not_enough_memory (also: the system's limit of what one user's sets watch).
  void add(Key key, LocalListener& listener, std::error_code& ec);
  void add(Key key, LocalStream& stream, Ready ready, std::error_code& ec);
  void add(Key key, LocalStream& stream, std::error_code& ec) { add(key, stream, Ready::readable, ec); }
  void add(Key key, MessageStream& stream, Ready ready, std::error_code& ec);
  void add(Key key, MessageStream& stream, std::error_code& ec) { add(key, stream, Ready::readable, ec); }
  void add(Key key, Event& event, std::error_code& ec);
  void add(Key key, PeerProcess& process, std::error_code& ec);

  /// What it is watched for from now on, nothing (`Ready{}`) included; the end is always reported. Errors:
  /// invalid_argument (no such key, or it cannot be ready for that), and those of add.
  ///
  ///     waiting.change(key, WaitSet::Ready::readable | WaitSet::Ready::writable);
  void change(Key key, Ready ready, std::error_code& ec);

  /// Takes it out of the set; nothing happens if there is no such key.
  void remove(Key key) noexcept;

  /// Waits until at least one member is ready, and fills `out` from the front; returns how many reports that are. 0:
  /// the Wait ended, by its time or its stop token, and that is no error. If more are ready than `out` has space for,
  /// the next waits report the others before the same again. Errors: invalid_argument (`out` is empty),
  /// operation_not_supported (another thread waits), Errc::closed.
  std::size_t wait(std::span<Report> out, const Wait& wait, std::error_code& ec);
  std::size_t wait(std::span<Report> out, std::error_code& ec) { return wait(out, Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  void add(Key key, LocalListener& listener);
  void add(Key key, LocalStream& stream, Ready ready = Ready::readable);
  void add(Key key, MessageStream& stream, Ready ready = Ready::readable);
  void add(Key key, Event& event);
  void add(Key key, PeerProcess& process);
  void change(Key key, Ready ready);
  std::size_t wait(std::span<Report> out, const Wait& wait = {});
#endif

 private:
  std::unique_ptr<detail::WaitSetState> state_;
};

constexpr WaitSet::Ready operator|(WaitSet::Ready a, WaitSet::Ready b) noexcept {
  return static_cast<WaitSet::Ready>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr WaitSet::Ready operator&(WaitSet::Ready a, WaitSet::Ready b) noexcept {
  return static_cast<WaitSet::Ready>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
constexpr WaitSet::Ready operator~(WaitSet::Ready a) noexcept {
  return static_cast<WaitSet::Ready>(~static_cast<unsigned>(a));
}
constexpr WaitSet::Ready& operator|=(WaitSet::Ready& a, WaitSet::Ready b) noexcept { return a = a | b; }
constexpr WaitSet::Ready& operator&=(WaitSet::Ready& a, WaitSet::Ready b) noexcept { return a = a & b; }

/// Whether it is ready for anything: `if (any(report.what & WaitSet::Ready::readable)) …`
constexpr bool any(WaitSet::Ready what) noexcept { return what != WaitSet::Ready{}; }

}  // namespace localsocket::inline LOCALSOCKET_ABI
