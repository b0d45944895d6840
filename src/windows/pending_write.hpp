// A write that goes on after the call that gave it its bytes.
#pragma once

#include "core/gate.hpp"
#include "overlapped.hpp"
#include "system.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

/// A std::mutex of MinGW has a handle once two threads have met at it, and never closes that.
class Lockable {
 public:
  void lock() noexcept { ::AcquireSRWLockExclusive(&lock_); }
  void unlock() noexcept { ::ReleaseSRWLockExclusive(&lock_); }

 private:
  SRWLOCK lock_ = SRWLOCK_INIT;
};

/// A pipe does not tell when it has space. So a write that may not wait leaves its bytes, if the pipe takes them not at
/// once, to a write that stays under way, and there is space again when that has ended.
///
/// The system cancels a write when the thread that began it exits. Of a write that fits the pipe's buffer nothing has
/// been taken then (largest_write_to() says why), and it is begun anew: bytes that were taken over are not lost.
class PendingWrite : public std::enable_shared_from_this<PendingWrite> {
 public:
  /// No stream has more bytes under way: the most that is taken over at once.
  static constexpr std::size_t largest = 64 * 1024;

  /// It belongs to one stream, which gives it up by drop(). Null if there is an error.
  static PendingWrite* make(std::error_code& ec);
  void drop() noexcept;

  PendingWrite(const PendingWrite&) = delete;
  PendingWrite& operator=(const PendingWrite&) = delete;
  ~PendingWrite();

  /// Set while no write is under way.
  HANDLE event() const noexcept { return free_.get(); }
  /// Whether none is under way.
  bool is_free() const noexcept { return state_.load(std::memory_order_acquire) != State::under_way; }
  /// Waits until none is under way. The completion says whether another may follow: what became of the last one counts
  /// for all that come after it.
  Completion await(Call& call) noexcept;

  /// Takes a copy of the bytes over, and says that they are written. False if there is another write under way.
  bool begin(HANDLE pipe, std::span<const std::byte> bytes, Completion& completion) noexcept;
  /// Has an empty message follow the write that is under way. False if there is none.
  bool end_behind() noexcept;

  /// The stream has no pipe any more: this one closes `pipe`, when no write is under way. It may be another handle of
  /// the same pipe.
  void hand_over(Handle pipe) noexcept;

 private:
  enum class State : unsigned char {
    idle,
    under_way,
    failed,  // for good: there are bytes that the peer will never have
  };

  explicit PendingWrite(std::error_code& ec) noexcept;
  Completion start() noexcept;
  void end(DWORD error) noexcept;
  void settle() noexcept;
  static void CALLBACK tell(PTP_CALLBACK_INSTANCE, void* context, PTP_WAIT, TP_WAIT_RESULT) noexcept;

  mutable Lockable mutex_;
  std::shared_ptr<PendingWrite> itself_;  // as long as there is a stream or a write
  bool has_stream_ = true;
  bool ends_ = false;                      // an empty message follows
  std::atomic<State> state_{State::idle};  // changed under the lock, and last
  DWORD error_ = ERROR_SUCCESS;            // once it has failed
  HANDLE pipe_ = INVALID_HANDLE_VALUE;
  Handle handed_over_;
  Handle free_;
  // Of the write that is under way.
  Handle completed_;
  PTP_WAIT waiting_ = nullptr;
  OVERLAPPED operation_{};
  std::unique_ptr<std::byte[]> bytes_;
  DWORD size_ = 0;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
