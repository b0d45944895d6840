// One server for any number of clients that race to have one: the program that finds nobody becomes the server, or
// starts it.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/listener.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI {

/// How long bind_or_connect() and connect_or_start() go on trying unless told otherwise.
inline constexpr std::chrono::milliseconds default_start_timeout{10'000};

/// A listener, if nobody listens yet; else a connection to the one there is. Of many processes that call this at
/// once one gets the listener, and all others connect to it; when it dies, the next one that calls gets the address.
///
///     auto role = bind_or_connect("app");
///     if (auto* listener = std::get_if<LocalListener>(&role)) serve(*listener);  // the first instance
///     else forward(std::get<LocalStream>(role));                                 // somebody else is
///
/// Waits while somebody has the address and does not listen yet, or has no capacity. Thread-safe. Errors: those of bind
/// and connect; of them address_in_use (what is there is no listener) and timed_out come when the Wait has ended. On
/// error it is a listener that is closed.
LOCALSOCKET_EXPORT std::variant<LocalListener, LocalStream> bind_or_connect(const LocalAddress& address,
                                                                            const Wait& wait,
                                                                            const ListenOptions& listen,
                                                                            const ConnectOptions& connect,
                                                                            std::error_code& ec);
inline std::variant<LocalListener, LocalStream> bind_or_connect(const LocalAddress& address, const Wait& wait,
                                                                std::error_code& ec) {
  return bind_or_connect(address, wait, ListenOptions(), ConnectOptions(), ec);
}
inline std::variant<LocalListener, LocalStream> bind_or_connect(const LocalAddress& address, std::error_code& ec) {
  return bind_or_connect(address, default_start_timeout, ec);
}

/// What connect_or_start() calls to have a server: returns once one has been started, which need not listen yet.
/// Implicitly anything that can be called without arguments and returns a std::error_code, or nothing.
class Starter {
 public:
  template <std::invocable Start>
  requires(!std::same_as<Start, Starter> && (std::is_void_v<std::invoke_result_t<Start&>> ||
                                             std::convertible_to<std::invoke_result_t<Start&>, std::error_code>))
      Starter(Start start)  // implicit by design
      : start_(wrapped(std::move(start))) {}

  std::error_code operator()() const { return start_(); }

 private:
  template <class Start>
  static auto wrapped(Start start) {
    if constexpr (std::is_void_v<std::invoke_result_t<Start&>>) {
      return [start = std::move(start)]() mutable {
        start();
        return std::error_code();
      };
    } else {
      return start;
    }
  }

  std::function<std::error_code()> start_;
};

/// Connects. If nobody listens, it has a server started and connects to that one.
///
/// Of all processes that wait for the address one at a time is inside `start`, and stays there until its server listens
/// or its Wait ends; the others connect as soon as anybody listens. One whose `start` fails gets that error; then the
/// next may try, once each, within its own Wait. The lock dies with its holder, and no child inherits it: a file beside
/// the socket, `.<name>.localsocket-start`, or the name `<name>.start` of an abstract address and of a pipe. So the
/// caller must be allowed to make that; for a name of the machine on Unix only root is.
///
///     LocalStream stream = connect_or_start("app", DetachedProcess{{"/usr/libexec/app-server", "--idle", "60"}});
///
/// Thread-safe; a listener and its clients may be in one process. Errors: those of connect, connection_refused when
/// the Wait has ended and nobody listens yet, what `start` returns, and permission_denied for the lock. An exception
/// that `start` throws passes through.
LOCALSOCKET_EXPORT LocalStream connect_or_start(const LocalAddress& address, const Starter& start, const Wait& wait,
                                                const ConnectOptions& options, std::error_code& ec);
inline LocalStream connect_or_start(const LocalAddress& address, const Starter& start, const Wait& wait,
                                    std::error_code& ec) {
  return connect_or_start(address, start, wait, ConnectOptions(), ec);
}
inline LocalStream connect_or_start(const LocalAddress& address, const Starter& start, std::error_code& ec) {
  return connect_or_start(address, start, default_start_timeout, ec);
}

/// A Starter: a program that goes on by itself. It has no terminal or console and none of this process's descriptors or
/// handles: its standard streams lead nowhere. It is in a session of its own (Unix), or has no window and is in no job
/// of this process where that job allows it (Windows), so that it outlives whoever started it. It has the environment,
/// the working directory and the umask of this process, and its signals are as a new program expects them.
///
/// On Unix it is no child of this process and leaves it no zombie. What starts it is a child, for a moment: a handler
/// of SIGCHLD is called, and whoever waits for any child at that moment may get that one.
struct LOCALSOCKET_EXPORT DetachedProcess {
  /// The program and its arguments, in UTF-8 on Windows. A program without a slash is searched for as the system's
  /// shell would.
  std::vector<std::string> command;

  /// Returns once the program runs. Errors: no_such_file_or_directory (there is no such program), permission_denied,
  /// invalid_argument (an empty command, a NUL inside), and what else the system says of running it.
  std::error_code operator()() const;
};

#if LOCALSOCKET_HAS_EXCEPTIONS
// The same calls, which throw std::system_error for the error.
LOCALSOCKET_EXPORT std::variant<LocalListener, LocalStream> bind_or_connect(const LocalAddress& address,
                                                                            const Wait& wait = default_start_timeout,
                                                                            const ListenOptions& listen = {},
                                                                            const ConnectOptions& connect = {});
LOCALSOCKET_EXPORT LocalStream connect_or_start(const LocalAddress& address, const Starter& start,
                                                const Wait& wait = default_start_timeout,
                                                const ConnectOptions& options = {});
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI
