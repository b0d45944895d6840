// An address that clients can connect to.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/error.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {
class Acceptor;
}

class IncomingStreams;

/// Owns an address and hands out the clients that connect to it. Move-only; the destructor closes it.
///
///     auto listener = LocalListener::bind("echo.example");
///     for (LocalStream client : listener.incoming()) serve(std::move(client));
///
/// **Threads.** Any number may accept at once, and every member but moving, assigning and release() may be called
/// while they do.
///
/// **fork.** A child's listener is a copy: it accepts, and close(), release() and the destructor end the copy alone.
/// The socket's file goes with the listener of the process that bound it. A daemon's parent therefore calls release()
/// before it exits, and the address stays with the child (examples/unix/daemon.cpp); when the child ends, the next bind
/// takes the address over.
///
/// **Errors.** As for LocalStream: a form with a `std::error_code&` last, and a throwing one.
class LOCALSOCKET_EXPORT LocalListener {
 public:
  /// A listener without an address: every call gives Errc::closed.
  LocalListener() noexcept;
  LocalListener(LocalListener&& other) noexcept;
  LocalListener& operator=(LocalListener&& other) noexcept;
  ~LocalListener();

  /// Takes the address; clients can connect when this returns. Access is set before anyone can.
  /// Errors: address_in_use (nothing was changed; at the latest after two seconds, which another bind of the same path
  /// is waited for), permission_denied (also: the runtime directory is not ours, or the socket that a dead listener
  /// left is not ours to remove), invalid_argument (options), Errc::invalid_address (unnamed, or a pipe on another
  /// host), too_many_files_open, no_such_file_or_directory (of the path), read_only_file_system, no_space_on_device.
  static LocalListener bind(const LocalAddress& address, const ListenOptions& options, std::error_code& ec);
  static LocalListener bind(const LocalAddress& address, std::error_code& ec) {
    return bind(address, ListenOptions(), ec);
  }

  /// The next client, waiting for one as long as the Wait says. A client that came, wrote and left is handed out like
  /// any other: its bytes can be read. Errors: timed_out, operation_canceled, Errc::closed, too_many_files_open (the
  /// listener goes on working).
  LocalStream accept(const Wait& wait, std::error_code& ec);
  LocalStream accept(std::error_code& ec) { return accept(Wait(), ec); }

  /// The moment after which every accept fails with timed_out; nothing is no limit. Also for calls already waiting.
  void set_accept_deadline(std::optional<Wait::Clock::time_point> deadline);

  /// Gives the address up and wakes every accept with Errc::closed; later ones get it at once. From any thread.
  void close() noexcept;

  bool is_open() const noexcept;

  /// Whether clients still come to it by its address. Unix: not when its socket's file has been removed or renamed, or
  /// another put over it, or its directory has gone; a listener that nobody can get to any more may as well end. Of an
  /// adopted one: whether the file is there that was when it was adopted. An abstract name and a pipe's cannot be lost.
  /// One system call, or none. False once it is closed. Errors: those of the file system, such as permission_denied.
  bool still_owns_address(std::error_code& ec) const;

  /// Where it listens; unnamed when closed by a move.
  const LocalAddress& local_address() const noexcept;

  /// The listening descriptor, or the handle of one pipe instance that waits for a client; still owned by the listener.
  /// The descriptor is for poll and the like: it keeps the listener's own mode or time-out, by which an accept returns.
  NativeHandle native_handle() const noexcept;

  /// Gives it away, as the system made it or as it was adopted, without giving the address up; the listener is closed
  /// then. No call may be running. In a forked child it keeps what the parent has set on it.
  NativeHandle release() noexcept;

  /// Takes over a listening socket of the Unix family, or a server's pipe instance opened for overlapped I/O. The
  /// socket's file is left in place at close(): it belongs to whoever made it. At close() and release() the socket is
  /// as it was found. On error the caller keeps the handle, unchanged. Errors: operation_not_supported (another kind of
  /// handle), Errc::closed (no handle at all).
  ///
  ///     auto listener = LocalListener::adopt(handle, "/run/app.sock");
  static LocalListener adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  static LocalListener bind(const LocalAddress& address, const ListenOptions& options = {});
  LocalStream accept(const Wait& wait = {});
  bool still_owns_address() const;
  static LocalListener adopt(NativeHandle handle, const LocalAddress& address);

  /// A range of the clients to come, each accepted when the loop asks for it, waiting anew for each as long as the Wait
  /// says. close(), a stop request, a time-out and a deadline that has passed end the loop. Where no descriptor or
  /// handle is left the loop goes on once there is one, and looks for it at most every 100 ms. Other errors throw.
  ///
  ///     for (LocalStream client : listener.incoming(stop)) serve(std::move(client));
  IncomingStreams incoming(const Wait& wait = {});
#endif

 private:
  friend class IncomingStreams;
  friend class WaitSet;

  explicit LocalListener(std::shared_ptr<detail::Acceptor> acceptor) noexcept;
  LocalStream next_incoming(const Wait& wait);

  std::shared_ptr<detail::Acceptor> acceptor_;
};

#if LOCALSOCKET_HAS_EXCEPTIONS

/// What LocalListener::incoming() returns: an input range that refers to the listener.
class IncomingStreams {
 public:
  class iterator {
   public:
    using value_type = LocalStream;
    using difference_type = std::ptrdiff_t;

    iterator(LocalListener& listener, const Wait& wait) : listener_(&listener), wait_(wait) { ++*this; }

    /// The client, moved out: once for each step.
    LocalStream operator*() const { return std::move(next_); }

    iterator& operator++() {
      next_ = next_of(*listener_, wait_);
      ended_ = !next_.is_open();
      return *this;
    }
    void operator++(int) { ++*this; }

    bool operator==(std::default_sentinel_t) const noexcept { return ended_; }

   private:
    LocalListener* listener_;
    Wait wait_;
    mutable LocalStream next_;
    bool ended_ = false;
  };

  IncomingStreams(LocalListener& listener, const Wait& wait) noexcept : listener_(&listener), wait_(wait) {}
  iterator begin() const { return iterator(*listener_, wait_); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  static LocalStream next_of(LocalListener& listener, const Wait& wait) { return listener.next_incoming(wait); }

  LocalListener* listener_;
  Wait wait_;
};

inline IncomingStreams LocalListener::incoming(const Wait& wait) { return IncomingStreams(*this, wait); }

#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI
