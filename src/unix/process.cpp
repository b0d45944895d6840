#include "process.hpp"

#include "peer.hpp"
#include "system.hpp"
#include "wait.hpp"

#include "backend.hpp"

#if defined(__linux__)
#include <sys/syscall.h>
#else
#include <sys/event.h>
#endif

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace unix_backend {
namespace {

#if defined(__linux__)

// <sys/socket.h> may be older than the kernel (Linux 6.5).
#if defined(SO_PEERPIDFD)
constexpr int peer_pidfd = SO_PEERPIDFD;
#elif defined(__sparc__)
constexpr int peer_pidfd = 0x56;
#elif defined(__hppa__)
constexpr int peer_pidfd = 0x404B;
#else
constexpr int peer_pidfd = 77;
#endif

/// The process that has the number now: not exact. Since Linux 5.3, and where no sandbox forbids it.
Descriptor open_process(std::uint64_t id) noexcept {
  const auto open = [](pid_t process, unsigned flags) {
    return static_cast<int>(::syscall(SYS_pidfd_open, process, flags));
  };
  return Descriptor(sys("pidfd_open", open, static_cast<pid_t>(id), 0U));
}

/// What the connection itself keeps. Each failure means something else: only ENOPROTOOPT is an old kernel. EINVAL and,
/// in some, ESRCH is a process that has exited; newer ones give a descriptor of such a process, too.
bool find_exactly(int socket, ProcessOfPeer& process, std::error_code& ec) noexcept {
  int descriptor = -1;
  socklen_t size = sizeof descriptor;
  process.is_exact = true;
  if (sys("getsockopt", ::getsockopt, socket, SOL_SOCKET, peer_pidfd, static_cast<void*>(&descriptor), &size) == 0) {
    process.handle = descriptor;
  } else if (errno == EINVAL || errno == ESRCH) {
    process.has_exited = true;
  } else {
    process.is_exact = false;
    if (errno != ENOPROTOOPT) ec = last_error(Operation::other);
  }
  return process.is_exact || ec;
}

/// Whether the descriptor of a process says that it has exited (pidfd_open(2)).
bool says_exited(int descriptor, std::error_code& ec) noexcept {
  pollfd polled{descriptor, POLLIN, 0};
  const int found = unless_interrupted([&] { return sys("poll", ::poll, &polled, nfds_t{1}, 0); });
  if (found < 0) ec = last_error(Operation::other);
  return found > 0;
}

#else

bool find_exactly(int, ProcessOfPeer&, std::error_code&) noexcept { return false; }

/// A queue that is readable once the process with that number has exited. Only for as long as one call: a child made by
/// fork does not have it (kqueue(2)), and would take another descriptor for it.
Descriptor open_process(std::uint64_t id) noexcept {
  Descriptor queue(sys("kqueue", ::kqueue));
  if (!queue.is_open()) return queue;
  set_close_on_exec(queue.get());
  struct kevent change {};
  EV_SET(&change, static_cast<uintptr_t>(id), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, nullptr);
  const auto submit = [](int at, const struct kevent* changes) {
    return ::kevent(at, changes, 1, nullptr, 0, nullptr);
  };
  const struct kevent* const changes = &change;
  if (sys("kevent", submit, queue.get(), changes) == 0) return queue;
  const int saved = errno;
  queue = Descriptor();
  errno = saved;
  return queue;
}

bool says_exited(int queue, std::error_code&) noexcept { return is_ready_now(queue, POLLIN); }

#endif

/// A process by its own descriptor, or else by one that is opened by its number.
class Watched {
 public:
  Watched(const ProcessOfPeer& process, std::error_code& ec) noexcept : descriptor_(process.handle) {
    if (descriptor_ != invalid_handle) return;
    opened_ = open_process(process.id);
    descriptor_ = opened_.get();
    has_exited_ = !opened_.is_open() && errno == ESRCH;
    if (!opened_.is_open() && !has_exited_) ec = last_error(Operation::other);
  }

  int descriptor() const noexcept { return descriptor_; }
  int release() noexcept { return opened_.release(); }
  bool is_gone() const noexcept { return has_exited_; }
  bool has_exited(std::error_code& ec) const noexcept { return has_exited_ || (!ec && says_exited(descriptor_, ec)); }

 private:
  int descriptor_;
  Descriptor opened_;
  bool has_exited_ = false;
};

}  // namespace

ProcessOfPeer process_of_peer(int socket, std::error_code& ec) noexcept {
  ProcessOfPeer process;
  process.id = peer_of(socket, ec).process_id.value_or(0);
  if (ec || find_exactly(socket, process, ec)) return process;
  if (process.id == 0) {  // the system does not say, or the process is in a namespace that we do not see into
    ec = error(Operation::other, std::errc::operation_not_supported);
    return process;
  }
#if defined(__linux__)
  Watched opened(process, ec);
  process.has_exited = opened.is_gone();
  process.handle = opened.release();
#endif
  return process;
}

}  // namespace unix_backend

// It gets a descriptor that is readable once the process has exited.
ProcessOfPeer duplicate(const ProcessOfPeer& process, std::error_code& ec) noexcept {
  ProcessOfPeer copy = process;
  copy.handle = invalid_handle;
  if (process.has_exited) return copy;
  if (process.handle == invalid_handle) {
    unix_backend::Watched opened(process, ec);
    copy.has_exited = opened.is_gone();
    copy.handle = opened.release();
    return copy;
  }
  const auto duplicate = [](int fd, int command, int lowest) { return ::fcntl(fd, command, lowest); };
  copy.handle = unix_backend::sys("fcntl", duplicate, process.handle, F_DUPFD_CLOEXEC, 0);
  if (copy.handle == -1) ec = unix_backend::last_error(Operation::other);
  return copy;
}

bool has_exited(const ProcessOfPeer& process, std::error_code& ec) noexcept {
  const unix_backend::Watched watched(process, ec);
  return watched.has_exited(ec);
}

bool wait_for_exit(const ProcessOfPeer& process, Call& call, std::error_code& ec) noexcept {
  const unix_backend::Watched watched(process, ec);
  // poll_with_waker tells what it cannot find out as "ready": the look before each wait has the last word.
  while (!watched.has_exited(ec) && !ec) {
    if (unix_backend::wait_until_ready(watched.descriptor(), POLLIN, Operation::other, call, ec)) continue;
    if (ec == std::errc::timed_out) ec.clear();
    return false;
  }
  return !ec;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
