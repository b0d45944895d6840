// The contract between the portable code and a platform. To port the library, write one backend.
//
// A backend is a directory beside unix/ and windows/ with the same files in it. Meson puts one backend on the include
// path, and its "native.hpp" defines the names below, which the concepts at the end check:
//
//   NativeWaker      wakes one thread that waits (waker.hpp)
//   NativeStream     one connection (stream.hpp)
//   NativeListener   one address that clients can connect to (listener.hpp)
//   NativePoller     waits for many streams, listeners and processes at once (poller.hpp)
//   NativeStartLock  keeps other processes from starting a server for an address (start_lock.hpp)
//
// "generation.hpp" defines process_generation() and ForkGuard: on which side of a fork this is. The backend also
// defines the functions declared in errors.hpp (error codes and texts), trace.hpp (the thread's id),
// handle_passing.hpp and below (addresses). It knows error, address, options, wait, call, buffers and itself; never
// LocalStream or LocalListener.
//
// What holds for each function of a backend:
// - It reports through the error_code, which is clear when it is called, and throws nothing but std::bad_alloc.
// - read and write move at least one byte, or report an error, or (read) return 0 for the end of the stream. They make
//   one system call when that can go on at once. An interruption that comes with data does not win: the data is
//   returned.
// - A function that gets a Call has been entered already: the portable code has checked call.begin(). Before it waits
//   it asks call.refused(), and it waits under a Waiter, so that whatever ends the call wakes it. It returns within 20
//   ms then.
// - Any thread may call read, write, shutdown and accept at once. close is called once nothing else runs, perhaps
//   twice. A stream's handle, which is for others to use, is asked for while it is open; a listener's at any time.
// - In a child made by fork a stream or a listener is a copy: it removes no file, and resets nothing on the handle.
// - No call leaves anything behind: when it has returned no buffer of its caller's is in use any more.
#pragma once

#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/peer.hpp>
#include <localsocket/probe.hpp>
#include <localsocket/shared_memory.hpp>
#include <localsocket/wait_set.hpp>

#include "core/address_parts.hpp"
#include "core/gate.hpp"
#include "core/handle_passing.hpp"
#include "core/packet.hpp"
#include "native.hpp"

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// What the system is given for an address, the best first. `rest` is a valid name, a path, or what follows the `@` of
/// an abstract name; it is not empty and has no NUL. Nothing is ever shortened.
std::vector<NativeAddress> native_addresses(AddressForm form, std::string_view rest, std::error_code& ec);

/// What the platform cannot do of these options; the portable code has checked the ranges. Before anything is changed.
std::error_code check_options(const LocalAddress& address, const ListenOptions& options);

/// Whether the peer is the user that this process runs as.
bool is_current_user(const PeerIdentity& peer);

/// Of a process that was found and has not been seen to exit: whether it has by now.
bool has_exited(const ProcessOfPeer& process, std::error_code& ec) noexcept;
/// Waits until it has; false when the call ended before, with an error unless the time was over.
bool wait_for_exit(const ProcessOfPeer& process, Call& call, std::error_code& ec) noexcept;

/// The same process with a handle of its own, which a poller can wait for, unless it has exited.
ProcessOfPeer duplicate(const ProcessOfPeer& process, std::error_code& ec) noexcept;

/// Whether there is a descriptor or handle for one more connection now.
bool has_spare_handle() noexcept;

/// What is at a valid address, without becoming its listener's client.
Presence presence_at(const LocalAddress& address, std::error_code& ec);

/// Runs a program that goes on without this process, as DetachedProcess promises. No part is empty or has a NUL.
void start_detached(std::span<const std::string> command, std::error_code& ec);

/// Zeroed memory of that size, not 0, mapped for writing, with all its pages; no handle_for_peer yet.
MappedMemory create_memory(std::size_t size, std::error_code& ec) noexcept;
/// What a peer has sent, mapped for reading, if neither side can change its size. The handle stays the caller's, and is
/// not in the result. Another kind of thing is operation_not_supported.
MappedMemory map_memory(NativeHandle handle, std::error_code& ec) noexcept;
/// The handle for the peer of what create_memory() gave: by it nobody gains more than to read. May be the same one.
NativeHandle make_read_only_for_peer(const MappedMemory& memory, std::error_code& ec) noexcept;
/// Takes the mapping away, and leaves the handles.
void unmap_memory(const MappedMemory& memory) noexcept;

template <class T>
concept WakerBackend = requires(T waker, Clock::duration time) {
  { T::current() }
  noexcept->std::same_as<T&>;  // the calling thread's
  { waker.wake() }
  noexcept;  // from any thread; sticks until the next wait
  { waker.wait(time) }
  noexcept;  // until woken, the time is over, or for no reason
};

template <class T>
concept StreamBackend = std::movable<T> && std::default_initializable<T> &&
    requires(T stream, const T& constant, LocalAddress& address, const ConnectOptions& options, Call& call,
             ReadBuffers to, WriteBuffers from, NativeHandle handle, Type type, std::error_code& ec) {
  // One attempt. connection_refused (nobody listens) and timed_out (no capacity) mean: try again. The address then
  // names the native one that was met.
  { T::connect(address, options, ec) } -> std::same_as<T>;
  // The same, as a handle that a child process can have as its standard output.
  { T::connect_for_child(address, options, ec) } -> std::same_as<NativeHandle>;
  // write() to such a handle, which is as it was afterwards.
  { T::write_for_child(handle, from, call, ec) } -> std::same_as<std::size_t>;
  // After timed_out: until there may be capacity, at most `time`; need not wait if connect itself did.
  {T::await_capacity(address, call, Clock::duration())};
  { T::pair(type, ec) } -> std::same_as<std::pair<T, T>>;
  { T::adopt(handle, ec) } -> std::same_as<T>;
  { stream.read(to, call, ec) } -> std::same_as<std::size_t>;
  { stream.write(from, call, ec) } -> std::same_as<std::size_t>;
  {stream.shutdown(Shutdown::write, call, ec)};
  // Whether the peer has read everything; false and no error when the time was over first.
  { stream.drain(call, ec) } -> std::same_as<bool>;
  { constant.available(ec) } -> std::same_as<std::size_t>;
  // Nobody will read what is written from now on. Need not be seen before all that is there has been read.
  { constant.is_peer_gone(ec) } -> std::same_as<bool>;
  { constant.duplicate(ec) } -> std::same_as<T>;
  { constant.peer(ec) } -> std::same_as<PeerIdentity>;
  { constant.peer_process(ec) } -> std::same_as<ProcessOfPeer>;
  { stream.close() }
  noexcept;
  { stream.release() }
  noexcept->std::same_as<NativeHandle>;
  { constant.handle() }
  noexcept->std::same_as<NativeHandle>;
  // Before the handle is given out, or another one for the same connection is made: from now on no call begins to rely
  // on a setting of the handle, or to make one. Whether there may be some now, which take_settings_off() takes off once
  // no call relies on them any more.
  { stream.share() }
  noexcept->std::same_as<bool>;
  { stream.take_settings_off() }
  noexcept;
};

template <class T>
concept PacketBackend = requires(T stream, const T& constant, std::span<std::byte> to,
                                 std::span<const std::byte> message, Call& call, std::error_code& ec) {
  // Whether bytes or the system's own messages go over it: read and write are for bytes, and the next two for messages.
  { constant.type() }
  noexcept->std::same_as<Type>;
  { stream.receive_packet(to, call, ec) } -> std::same_as<PacketPart>;
  // By one system call; message_too_large if the system does not take one of that size.
  { stream.send_packet(message, call, ec) } -> std::same_as<PacketFate>;
};

template <class T>
concept HandlePassingBackend = requires(T stream, ReadBuffers to, WriteBuffers from,
                                        std::span<const NativeHandle> handles, Call& call,
                                        std::vector<OwnedHandle>& received, std::span<const std::uint64_t> numbers,
                                        std::error_code& ec) {
  // As read and write; the handles go with the first of the bytes, where they are no numbers among them. More than
  // there is space for is malformed_message: the bytes count, and no handle is kept.
  { stream.read_with_handles(to, received, call, ec) } -> std::same_as<std::size_t>;
  { stream.write_with_handles(from, handles, call, ec) } -> std::same_as<std::size_t>;
  // Of numbers that the peer has sent: all of its handles, or none. permission_denied if the system does not let us;
  // malformed_message if they are none.
  {stream.take_from_peer(numbers, received, ec)};
};

template <class T, class Stream>
concept ListenerBackend = std::movable<T> && std::default_initializable<T> &&
    requires(T listener, const T& constant, LocalAddress& address, const ListenOptions& options, Call& call,
             NativeHandle handle, std::error_code& ec) {
  { T::bind(address, options, ec) } -> std::same_as<T>;  // the address then names the native one that was bound
  { T::adopt(handle, address, ec) } -> std::same_as<T>;
  { listener.accept(call, ec) } -> std::same_as<Stream>;
  // Whether clients come to it by its address; it is open.
  { constant.owns_address(ec) } -> std::same_as<bool>;
  // First at close, while accepts may still run: gives the address up where that is a matter of its own.
  { listener.withdraw() }
  noexcept;
  { listener.close() }
  noexcept;
  { listener.release() }
  noexcept->std::same_as<NativeHandle>;
  { constant.handle() }
  noexcept->std::same_as<NativeHandle>;
};

// What of many is ready. What is added stays where it is and open until it is removed, and is added once; a removed
// token is never given back, but may be by a wait that runs. The functions are called by one thread at a time, but
// wait() runs beside them, and wake() comes from any thread, at any time.
template <class T, class Stream, class Listener>
concept PollerBackend = std::default_initializable<T> &&
    requires(T poller, Stream& stream, Listener& listener, const ProcessOfPeer& process, std::uint64_t token,
             WaitSet::Ready ready, std::span<WaitSet::Report> out, Clock::duration time, std::error_code& ec) {
  {poller.open(ec)};  // before anything else; again if that failed
  // `ready` is readable, writable, both or nothing; of a listener acceptable or nothing.
  {poller.add(stream, token, ready, ec)};
  {poller.change(stream, token, ready, ec)};
  { poller.remove(stream) }
  noexcept;
  {poller.add(listener, token, ready, ec)};
  {poller.change(listener, token, ready, ec)};
  { poller.remove(listener) }
  noexcept;
  // Any report of it says that it has exited. The set may remove it later or not at all, if there was one.
  {poller.add(process, token, ec)};
  { poller.remove(process) }
  noexcept;
  // Until something is ready or it is woken, at most `time`; returns how many reports it made, with the token for the
  // key: readable and writable as they were asked for, `ended` for a peer that is gone. None is no error. A token may
  // come twice. `out` is not empty.
  { poller.wait(out, time, ec) } -> std::same_as<std::size_t>;
  { poller.wake() }
  noexcept;  // sticks until the next wait
};

template <class T>
concept StartLockBackend = requires(T lock, const LocalAddress& address, std::error_code& ec) {
  T(address, ec);
  // Whether this process has it now, until `lock` is destroyed; false and no error: another process has. No child has.
  { lock.try_lock(ec) } -> std::same_as<bool>;
};

/// Closes what connect_for_child gave, or a process's handle.
void close_handle(NativeHandle handle) noexcept;

static_assert(WakerBackend<NativeWaker>);
static_assert(StreamBackend<NativeStream>);
static_assert(PacketBackend<NativeStream>);
static_assert(HandlePassingBackend<NativeStream>);
static_assert(ListenerBackend<NativeListener, NativeStream>);
static_assert(PollerBackend<NativePoller, NativeStream, NativeListener>);
static_assert(StartLockBackend<NativeStartLock>);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
