#include "poller.hpp"

#include "system.hpp"

#include "backend.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

bool has_spare_handle() noexcept { return true; }  // a process may have 16 million

ProcessOfPeer duplicate(const ProcessOfPeer& process, std::error_code& ec) noexcept {
  ProcessOfPeer copy = process;
  copy.handle = invalid_handle;
  if (process.has_exited) return copy;
  HANDLE handle = nullptr;
  const HANDLE self = ::GetCurrentProcess();
  if (windows_backend::sys("DuplicateHandle", ::DuplicateHandle, self, HANDLE{process.handle}, self, &handle, DWORD{0},
                           FALSE, DWORD{DUPLICATE_SAME_ACCESS})) {
    copy.handle = handle;
  } else {
    ec = windows_backend::last_error(Operation::other);
  }
  return copy;
}

namespace windows_backend {

Poller::~Poller() { const Handle closing(port_); }

void Poller::open(std::error_code& ec) noexcept {
  port_ = sys("CreateIoCompletionPort", ::CreateIoCompletionPort, INVALID_HANDLE_VALUE, HANDLE{nullptr}, ULONG_PTR{0},
              DWORD{1});
  if (port_ == nullptr) ec = last_error(Operation::other);
}

void Poller::add(Stream&, std::uint64_t, WaitSet::Ready, std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
}
void Poller::change(Stream&, std::uint64_t, WaitSet::Ready, std::error_code&) noexcept {}
void Poller::remove(Stream&) noexcept {}

void Poller::add(Listener&, std::uint64_t, WaitSet::Ready, std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
}
void Poller::change(Listener&, std::uint64_t, WaitSet::Ready, std::error_code&) noexcept {}
void Poller::remove(Listener&) noexcept {}

void Poller::add(const ProcessOfPeer&, std::uint64_t, std::error_code& ec) noexcept {
  ec = error(Operation::other, std::errc::operation_not_supported);
}
void Poller::remove(const ProcessOfPeer&) noexcept {}

std::size_t Poller::wait(std::span<WaitSet::Report>, Clock::duration time, std::error_code& ec) noexcept {
  DWORD bytes = 0;
  ULONG_PTR key = 0;
  OVERLAPPED* operation = nullptr;
  if (!sys("GetQueuedCompletionStatus", ::GetQueuedCompletionStatus, HANDLE{port_}, &bytes, &key, &operation,
           to_milliseconds(time)) &&
      ::GetLastError() != WAIT_TIMEOUT) {
    ec = last_error(Operation::other);
  }
  return 0;
}

void Poller::wake() noexcept {
  sys("PostQueuedCompletionStatus", ::PostQueuedCompletionStatus, HANDLE{port_}, DWORD{0}, ULONG_PTR{0},
      LPOVERLAPPED{nullptr});
}

}  // namespace windows_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
