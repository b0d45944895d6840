#include "read_probe.hpp"

#include "overlapped.hpp"

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

ReadProbe::ReadProbe(std::error_code& ec) noexcept
    : event_(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, TRUE, FALSE, LPCWSTR{nullptr})) {
  if (!event_.is_open()) ec = last_error(Operation::other);
}

bool ReadProbe::has_byte() const noexcept {
  const std::lock_guard lock(mutex_);
  return kept_ == Kept::byte || kept_ == Kept::part;
}

bool ReadProbe::look(HANDLE pipe, bool has_messages) noexcept {
  const std::lock_guard lock(mutex_);
  Completion completion;
  if (is_pending_ && has_completed(pipe, operation_, completion)) {
    is_pending_ = false;
    keep(completion);
  }
  if (kept_ != Kept::nothing || std::exchange(has_failed_, false)) return true;
  if (is_pending_) return false;
  takes_a_byte_ = has_messages;
  if (has_messages && readers_ != 0) {
    sys("ResetEvent", ::ResetEvent, event_.get());  // until the last of them has read
    return false;
  }
  DWORD bytes = 0;
  const bool is_known = sys("PeekNamedPipe", ::PeekNamedPipe, pipe, LPVOID{nullptr}, DWORD{0}, LPDWORD{nullptr}, &bytes,
                            LPDWORD{nullptr});
  return !is_known || bytes != 0 || begin(pipe, has_messages);
}

bool ReadProbe::begin(HANDLE pipe, bool has_messages) noexcept {
  operation_ = operation_telling(event_.get());
  const DWORD size = has_messages ? 1 : 0;
  if (sys("ReadFile", ::ReadFile, pipe, static_cast<void*>(&byte_), size, LPDWORD{nullptr}, &operation_) ||
      ::GetLastError() == ERROR_MORE_DATA) {
    Completion completion;
    has_completed(pipe, operation_, completion);
    keep(completion);
    return true;
  }
  is_pending_ = ::GetLastError() == ERROR_IO_PENDING;
  return !is_pending_;
}

// The end of the thread that began it ends it with ERROR_OPERATION_ABORTED, which says nothing of the pipe.
void ReadProbe::keep(const Completion& completion) noexcept {
  has_failed_ = completion.error != ERROR_SUCCESS && completion.error != ERROR_OPERATION_ABORTED;
  if (completion.error != ERROR_SUCCESS || !takes_a_byte_) return;
  if (completion.bytes == 0) {
    kept_ = Kept::end;
  } else {
    kept_ = completion.has_more ? Kept::part : Kept::byte;
  }
}

void ReadProbe::cancel(HANDLE pipe) noexcept {
  if (!std::exchange(is_pending_, false)) return;
  cancel_and_wait(pipe, operation_);
  Completion completion;
  has_completed(pipe, operation_, completion);
  keep(completion);
  sys("SetEvent", ::SetEvent, event_.get());  // who waits for it has to look again
}

ReadProbe::Kept ReadProbe::begin_read(HANDLE pipe, std::byte& byte) noexcept {
  const std::lock_guard lock(mutex_);
  ++readers_;
  if (takes_a_byte_) cancel(pipe);
  byte = byte_;
  return std::exchange(kept_, Kept::nothing);
}

void ReadProbe::end_read() noexcept {
  const std::lock_guard lock(mutex_);
  if (--readers_ == 0 && takes_a_byte_ && !is_pending_) sys("SetEvent", ::SetEvent, event_.get());
}

void ReadProbe::end(HANDLE pipe) noexcept {
  const std::lock_guard lock(mutex_);
  cancel(pipe);
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
