// The system calls of this backend: traced, and the same on Linux, macOS and the BSDs.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <localsocket/options.hpp>

#include "core/errors.hpp"
#include "core/seams.hpp"
#include "core/trace.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

inline void set_error(int error) noexcept { errno = error; }

// How each kind of result says that a call failed; mmap(2) gives MAP_FAILED.
template <class Result>
bool has_failed(Result result) noexcept {
  if constexpr (std::is_pointer_v<Result>) {
    return reinterpret_cast<std::intptr_t>(result) == -1;
  } else {
    return result == -1;
  }
}

template <class Function, class... Arguments>
[[gnu::noinline, gnu::cold]] auto traced(const char* name, Function function, Arguments... arguments) noexcept {
  const auto result = seams::call<set_error>(name, function, arguments...);
  const int saved = errno;
  trace(name, has_failed(result) ? saved : 0, result, arguments...);
  errno = saved;
  return result;
}

/// Calls `function`, which reports failure by -1, perhaps as a pointer, and errno, and tells the trace hook.
template <class Function, class... Arguments>
inline auto sys(const char* name, Function function, Arguments... arguments) noexcept {
  if (is_tracing()) [[unlikely]] {
    return traced(name, function, arguments...);
  }
  return seams::call<set_error>(name, function, arguments...);
}

/// Makes the call again for as long as signals interrupt it.
template <class SystemCall>
inline auto unless_interrupted(SystemCall call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      const Descriptor old(std::exchange(number_, other.release()));
    }
    return *this;
  }
  // Not repeated after EINTR: Linux has closed it then (close(2)), and a second close could hit somebody else's.
  ~Descriptor() {
    if (is_open()) sys("close", ::close, number_);
  }

  int get() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ != -1; }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

inline bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

std::error_code last_error(Operation operation) noexcept;

/// MSG_NOSIGNAL where it exists; elsewhere each socket is told by SO_NOSIGPIPE.
#if defined(MSG_NOSIGNAL)
inline constexpr int no_signal = MSG_NOSIGNAL;
#else
inline constexpr int no_signal = 0;
#endif

/// The socket type for a type of connection; operation_not_supported where the system has none (macOS, unix(4)).
int socket_type_of(Type type, Operation operation, std::error_code& ec) noexcept;

/// Has each message come with its sender's credentials. Only by them an empty one is told from the end (Linux).
bool tell_empty_messages(int socket) noexcept;

/// For the type of a socket that is to connect: so that it does not wait while the backlog is full. Elsewhere than on
/// Linux it never does.
#if defined(__linux__)
inline constexpr int nonblocking_connect = SOCK_NONBLOCK;
#else
inline constexpr int nonblocking_connect = 0;
#endif

/// Whether SO_RCVTIMEO bounds accept: on Linux; the BSDs' accept ignores it.
#if defined(__linux__)
inline constexpr bool accept_has_timeout = true;
#else
inline constexpr bool accept_has_timeout = false;
#endif

/// A socket of the Unix family: close-on-exec, no SIGPIPE, and blocking unless `type` says otherwise.
Descriptor open_socket(int type, std::error_code& ec) noexcept;
std::pair<Descriptor, Descriptor> open_socket_pair(int type, std::error_code& ec) noexcept;
/// The next client, likewise; -1 and errno as accept.
Descriptor accept_socket(int listener) noexcept;

bool set_close_on_exec(int descriptor) noexcept;
bool set_blocking(int descriptor, bool blocking) noexcept;
/// Of F_GETFL; -1 on failure.
int get_flags(int descriptor) noexcept;

/// Whether the descriptor has any of the events, or has failed; or the system cannot say, and it is for the next call
/// to find out.
bool is_ready_now(int descriptor, short events) noexcept;

/// What listen() is given. An unset backlog is large, because a client that does not block is refused by a full one
/// (EAGAIN, connect(2)); the system caps it (net.core.somaxconn, listen(2)).
inline int backlog_of(const ListenOptions& options) noexcept {
  return static_cast<int>(options.backlog.value_or(4096));
}

/// ioctl of a request that has an int; -1 and errno on failure.
int control(int descriptor, unsigned long request, int& value) noexcept;

/// What open_socket does beyond socket(), for a socket that came from elsewhere.
bool prepare_socket(int socket) noexcept;

/// SO_RCVTIMEO or SO_SNDTIMEO; zero for none.
bool set_socket_timeout(int socket, int option, timeval time) noexcept;
bool set_socket_timeout(int socket, int option, std::chrono::microseconds time) noexcept;
bool get_socket_timeout(int socket, int option, timeval& time) noexcept;

/// Errc::closed for no descriptor, operation_not_supported for what is neither a stream socket of the Unix family nor
/// one of packets, listens when it should not (or the other way round), or is not connected.
std::error_code check_socket(int socket, bool should_listen) noexcept;

/// Of a socket that has passed that check.
Type type_of_socket(int socket) noexcept;

#if defined(__linux__)
/// sun_path with its NUL: 108 bytes (unix(7)).
inline constexpr std::size_t longest_path = sizeof(sockaddr_un{}.sun_path) - 1;
#else
/// sun_path has 104 bytes there, but the kernel takes as many as sun_len, which is one byte, can count with what is
/// before them (macOS: unp_bind and unp_connect in uipc_usrreq.c).
inline constexpr std::size_t longest_path = 253;
#endif

struct SocketAddress {
  alignas(sockaddr_un) char storage[offsetof(sockaddr_un, sun_path) + longest_path + 1]{};
  socklen_t size = 0;
  explicit SocketAddress(const std::string& native) noexcept;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(static_cast<const char*>(storage)); }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
