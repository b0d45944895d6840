// A read that a wait set begins on a pipe, to learn when there is something to read.
#pragma once

#include "system.hpp"

#include <cstddef>
#include <mutex>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

struct Completion;

/// Of a byte-type pipe it reads no byte, and takes nothing. Of a message-type pipe that would not do: an empty message,
/// which ends a half, completes a pending read of no byte and is gone. So it reads one byte there, and what it gets,
/// the byte or the empty message, is kept and given out first by the stream's next read.
class ReadProbe {
 public:
  enum class Kept : unsigned char {
    nothing,
    byte,  ///< of a message that has ended with it
    part,  ///< the first byte of a longer one
    end,   ///< an empty message
  };

  explicit ReadProbe(std::error_code& ec) noexcept;

  /// Set when there may be something, or the probe was ended: then look() again.
  HANDLE event() const noexcept { return event_.get(); }

  /// Whether a read has something to take, be it an error. If not, the probe runs.
  bool look(HANDLE pipe, bool has_messages) noexcept;

  /// Before a read: ends a probe that takes a byte, and gives what it has got. None begins until end_read(), so that
  /// the read gets what comes first.
  Kept begin_read(HANDLE pipe, std::byte& byte) noexcept;
  void end_read() noexcept;

  /// Ends the probe, before the pipe is closed or when nobody wants to know.
  void end(HANDLE pipe) noexcept;

  bool has_byte() const noexcept;

 private:
  bool begin(HANDLE pipe, bool has_messages) noexcept;
  void keep(const Completion& completion) noexcept;
  void cancel(HANDLE pipe) noexcept;

  mutable std::mutex mutex_;
  Handle event_;
  OVERLAPPED operation_{};
  unsigned readers_ = 0;
  bool is_pending_ = false;
  bool takes_a_byte_ = false;
  bool has_failed_ = false;  // and so will the next read, which tells
  Kept kept_ = Kept::nothing;
  std::byte byte_{};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
