#include "system.hpp"

#include "core/handle_passing.hpp"

#include "backend.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/ioctl.h>
#include <sys/time.h>

#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::uint64_t native_thread_id() noexcept {
#if defined(__linux__)
  return static_cast<std::uint64_t>(::syscall(SYS_gettid));
#elif defined(__APPLE__)
  std::uint64_t id = 0;
  ::pthread_threadid_np(nullptr, &id);
  return id;
#else
  return static_cast<std::uint64_t>(::getpid());
#endif
}

// A set-uid program must not write to a file that its caller names (secure_getenv(3), issetugid(2)).
std::string trace_target() {
#if defined(__linux__)
  const char* const target = ::secure_getenv("LOCALSOCKET_TRACE");
#else
  const char* const target = ::issetugid() != 0 ? nullptr : std::getenv("LOCALSOCKET_TRACE");
#endif
  return target != nullptr ? target : "";
}

bool handles_are_numbers() noexcept { return false; }

std::uint64_t number_of(NativeHandle handle) noexcept { return static_cast<std::uint64_t>(handle); }

// macOS loses a descriptor that its sender closes while it is under way.
bool handles_need_acknowledgement() noexcept {
#if defined(__APPLE__)
  return true;
#else
  return false;
#endif
}

OwnedHandle duplicate_handle(NativeHandle handle, std::error_code& ec) noexcept {
  const auto duplicate = [](int fd, int command, int lowest) { return ::fcntl(fd, command, lowest); };
  OwnedHandle copy(unix_backend::sys("fcntl", duplicate, handle, F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) ec = unix_backend::last_error(Operation::other);
  return copy;
}

void close_handle(NativeHandle handle) noexcept { const unix_backend::Descriptor closing(handle); }

bool has_spare_handle() noexcept {
  const unix_backend::Descriptor spare(unix_backend::sys("socket", ::socket, AF_UNIX, SOCK_STREAM, 0));
  return spare.is_open();
}

namespace unix_backend {

bool set_close_on_exec(int descriptor) noexcept {
  return sys(
             "fcntl", [](int fd, int command, int flags) { return ::fcntl(fd, command, flags); }, descriptor, F_SETFD,
             FD_CLOEXEC) == 0;
}

int control(int descriptor, unsigned long request, int& value) noexcept {
  const auto call = [](int fd, unsigned long what, int* result) { return ::ioctl(fd, what, result); };
  return sys("ioctl", call, descriptor, request, &value);
}

bool set_blocking(int descriptor, bool blocking) noexcept {
  int nonblocking = blocking ? 0 : 1;
  return control(descriptor, FIONBIO, nonblocking) == 0;
}

int get_flags(int descriptor) noexcept {
  const auto call = [](int fd, int command) { return ::fcntl(fd, command); };
  return sys("fcntl", call, descriptor, F_GETFL);
}

std::error_code last_error(Operation operation) noexcept { return native_error(operation, errno); }

namespace {

#if defined(SOCK_CLOEXEC)
constexpr int close_on_exec = SOCK_CLOEXEC;
#else
constexpr int close_on_exec = 0;  // prepare_socket does it, with a gap that fork in another thread can hit (macOS)
#endif

Descriptor prepared(int number) noexcept {
  Descriptor socket(number);
  if (number != -1 && !prepare_socket(number)) return Descriptor();
  return socket;
}

}  // namespace

bool prepare_socket(int socket) noexcept {
#if !defined(SOCK_CLOEXEC)
  if (!set_close_on_exec(socket)) return false;
#endif
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
  const int on = 1;
  // EINVAL: the peer is gone already (macOS); a write to it fails without a signal being possible.
  if (sys("setsockopt", ::setsockopt, socket, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t{sizeof on}) != 0) {
    return errno == EINVAL;
  }
#endif
  static_cast<void>(socket);
  return true;
}

int socket_type_of(Type type, Operation operation, std::error_code& ec) noexcept {
  if (type == Type::stream) return SOCK_STREAM;
#if defined(__APPLE__)
  ec = error(operation, std::errc::operation_not_supported);
#else
  static_cast<void>(operation);
  static_cast<void>(ec);
#endif
  return SOCK_SEQPACKET;
}

bool tell_empty_messages([[maybe_unused]] int socket) noexcept {
#if defined(__linux__)
  const int on = 1;
  return sys("setsockopt", ::setsockopt, socket, SOL_SOCKET, SO_PASSCRED, &on, socklen_t{sizeof on}) == 0;
#else
  return true;  // the end of a record is marked (MSG_EOR, recv(2))
#endif
}

Descriptor open_socket(int type, std::error_code& ec) noexcept {
  Descriptor socket = prepared(sys("socket", ::socket, AF_UNIX, type | close_on_exec, 0));
  if (!socket.is_open()) ec = last_error(Operation::other);
  return socket;
}

std::pair<Descriptor, Descriptor> open_socket_pair(int type, std::error_code& ec) noexcept {
  int ends[2] = {-1, -1};
  if (sys("socketpair", ::socketpair, AF_UNIX, type | close_on_exec, 0, static_cast<int*>(ends)) != 0) {
    ec = last_error(Operation::other);
    return {};
  }
  std::pair pair(prepared(ends[0]), prepared(ends[1]));
  if (!pair.first.is_open() || !pair.second.is_open()) ec = last_error(Operation::other);
  return pair;
}

Descriptor accept_socket(int listener) noexcept {
#if defined(__APPLE__)
  Descriptor socket = prepared(sys("accept", ::accept, listener, nullptr, nullptr));
  // A BSD's client inherits O_NONBLOCK from the listener.
  if (socket.is_open()) set_blocking(socket.get(), true);
  return socket;
#else
  return prepared(sys("accept4", ::accept4, listener, nullptr, nullptr, SOCK_CLOEXEC));
#endif
}

bool set_socket_timeout(int socket, int option, timeval time) noexcept {
  return sys("setsockopt", ::setsockopt, socket, SOL_SOCKET, option, &time, socklen_t{sizeof time}) == 0;
}

bool set_socket_timeout(int socket, int option, std::chrono::microseconds time) noexcept {
  timeval value{};
  value.tv_usec = static_cast<decltype(value.tv_usec)>(time.count());
  return set_socket_timeout(socket, option, value);
}

bool get_socket_timeout(int socket, int option, timeval& time) noexcept {
  socklen_t size = sizeof time;
  return sys("getsockopt", ::getsockopt, socket, SOL_SOCKET, option, static_cast<void*>(&time), &size) == 0;
}

bool is_ready_now(int descriptor, short events) noexcept {
  pollfd polled{descriptor, events, 0};
  return sys("poll", ::poll, &polled, nfds_t{1}, 0) != 0;
}

namespace {

int socket_option(int socket, int option) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return sys("getsockopt", ::getsockopt, socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// Of a peer that has left, too, Linux knows the name; the BSDs do not, and there it would look like a socket never
// connected.
#if defined(__linux__)
constexpr bool peer_name_outlives_peer = true;
constexpr bool path_ends_with_nul = true;
#else
constexpr bool peer_name_outlives_peer = false;
constexpr bool path_ends_with_nul = false;
#endif

bool has_peer(int socket) noexcept {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  return sys("getpeername", ::getpeername, socket, reinterpret_cast<sockaddr*>(&name), &size) == 0;
}

}  // namespace

std::error_code check_socket(int socket, bool should_listen) noexcept {
  const std::error_code unsupported = error(Operation::other, std::errc::operation_not_supported);
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (sys("getsockname", ::getsockname, socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return errno == ENOTSOCK ? unsupported : last_error(Operation::other);
  }
  const int type = socket_option(socket, SO_TYPE);
  const bool fits = name.ss_family == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET) &&
                    (socket_option(socket, SO_ACCEPTCONN) == 1) == should_listen &&
                    (should_listen || !peer_name_outlives_peer || has_peer(socket));
  return fits ? std::error_code() : unsupported;
}

Type type_of_socket(int socket) noexcept {
  return socket_option(socket, SO_TYPE) == SOCK_SEQPACKET ? Type::packets : Type::stream;
}

SocketAddress::SocketAddress(const std::string& native) noexcept {
  char* const bytes = static_cast<char*>(storage);
  std::memcpy(bytes + offsetof(sockaddr_un, sun_path), native.data(), native.size());
  // An abstract name is as long as it says; a path ends with a NUL (unix(7)), which the BSDs do not ask for.
  const bool has_nul = native.front() != '\0' && path_ends_with_nul;
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + native.size() + (has_nul ? 1 : 0));
#if !defined(__linux__)
  bytes[offsetof(sockaddr_un, sun_len)] = static_cast<char>(size);
#endif
  constexpr sa_family_t family = AF_UNIX;
  std::memcpy(bytes + offsetof(sockaddr_un, sun_family), &family, sizeof family);
}

}  // namespace unix_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
