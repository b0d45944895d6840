#include "pending_write.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

// A wait of the pool's that is armed for each write can have no failure then, when the bytes are taken over already: it
// has all that it needs from the beginning (the documentation of SetThreadpoolWait).
PendingWrite::PendingWrite(std::error_code& ec) noexcept
    : free_(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, TRUE, TRUE, LPCWSTR{nullptr})) {
  if (free_.is_open()) {
    completed_ =
        Handle(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, TRUE, FALSE, LPCWSTR{nullptr}));
  }
  if (completed_.is_open()) {
    waiting_ = sys("CreateThreadpoolWait", ::CreateThreadpoolWait, PTP_WAIT_CALLBACK{&tell}, static_cast<void*>(this),
                   PTP_CALLBACK_ENVIRON{nullptr});
  }
  if (waiting_ == nullptr) ec = last_error(Operation::other);
}

PendingWrite* PendingWrite::make(std::error_code& ec) {
  std::shared_ptr<PendingWrite> made(new PendingWrite(ec));
  if (ec) return nullptr;
  made->itself_ = made;
  return made.get();
}

// It is armed no more, and the call that it made last is done with this: that held it.
PendingWrite::~PendingWrite() {
  if (waiting_ != nullptr) ::CloseThreadpoolWait(waiting_);
}

void PendingWrite::drop() noexcept {
  const std::shared_ptr<PendingWrite> held = shared_from_this();
  const std::lock_guard lock(mutex_);
  has_stream_ = false;
  if (state_ != State::under_way) itself_.reset();
}

void PendingWrite::hand_over(Handle pipe) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ != State::under_way) return;
  pipe_ = pipe.get();
  handed_over_ = std::move(pipe);
}

Completion PendingWrite::await(Call& call) noexcept {
  if (!is_free()) {
    const Waiter waiter(call);
    while (!is_free()) {
      const Interruption why = call.refused();
      if (why != Interruption::none) return {.error = ERROR_OPERATION_ABORTED, .why = why, .has_begun = false};
      waiter.waker().wait_also_for(free_.get(), call.remaining());
    }
  }
  return {.error = state_ == State::failed ? error_ : DWORD{ERROR_SUCCESS}, .has_begun = false};
}

bool PendingWrite::begin(HANDLE pipe, std::span<const std::byte> bytes, Completion& completion) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ != State::idle) return false;
  bytes_.reset(new (std::nothrow) std::byte[bytes.size()]);
  if (bytes_ == nullptr) {
    completion = {ERROR_NOT_ENOUGH_MEMORY};
    return true;
  }
  std::copy(bytes.begin(), bytes.end(), bytes_.get());
  size_ = static_cast<DWORD>(bytes.size());
  pipe_ = pipe;
  completion = start();
  if (completion.error == ERROR_IO_PENDING) {
    completion = {ERROR_SUCCESS, size_};
    sys("ResetEvent", ::ResetEvent, free_.get());
    state_ = State::under_way;
  } else {
    bytes_.reset();
  }
  return true;
}

bool PendingWrite::end_behind() noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ == State::under_way) ends_ = true;
  return state_ == State::under_way;
}

/// Begins the write, which may be done at once, or fail. Else it is ERROR_IO_PENDING, and settle() comes.
Completion PendingWrite::start() noexcept {
  operation_ = operation_telling(completed_.get());
  Completion completion;
  if (sys("WriteFile", ::WriteFile, pipe_, static_cast<const void*>(bytes_.get()), size_, LPDWORD{nullptr},
          &operation_)) {
    has_completed(pipe_, operation_, completion);
  } else {
    completion.error = ::GetLastError();
  }
  if (completion.error == ERROR_IO_PENDING) ::SetThreadpoolWait(waiting_, completed_.get(), nullptr);
  return completion;
}

/// When the write has completed: once for each that was under way.
void PendingWrite::settle() noexcept {
  const std::lock_guard lock(mutex_);
  Completion completion;
  has_completed(pipe_, operation_, completion);
  if (completion.error == ERROR_OPERATION_ABORTED) completion = start();
  if (completion.error == ERROR_SUCCESS && completion.bytes != size_) completion.error = ERROR_WRITE_FAULT;
  if (completion.error == ERROR_SUCCESS && std::exchange(ends_, false)) {
    size_ = 0;
    completion = start();
  }
  if (completion.error != ERROR_IO_PENDING) end(completion.error);
}

void PendingWrite::end(DWORD error) noexcept {
  bytes_.reset();
  handed_over_ = Handle();
  error_ = error;
  state_ = error == ERROR_SUCCESS ? State::idle : State::failed;
  sys("SetEvent", ::SetEvent, free_.get());
  if (!has_stream_) itself_.reset();
}

void PendingWrite::tell(PTP_CALLBACK_INSTANCE, void* context, PTP_WAIT, TP_WAIT_RESULT) noexcept {
  const std::shared_ptr<PendingWrite> held = static_cast<PendingWrite*>(context)->shared_from_this();
  held->settle();
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
