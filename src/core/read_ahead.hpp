// What a wait set knows of a stream of messages: whether one is complete, and where to read more of it to.
//
// It is implemented by messages/ and used by connection/, neither of which knows the other.
#pragma once

#include <localsocket/platform.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace localsocket::inline LOCALSOCKET_ABI {

class MessageStream;

namespace detail {

/// Only for the thread that receives.
class ReadAhead {
 public:
  ReadAhead() noexcept = default;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// Of a stream of messages; null if it was moved from. Defined with MessageStream.
  static std::shared_ptr<ReadAhead> of(const MessageStream& stream) noexcept;

  /// Whether a receive takes what is here, a message or an error.
  virtual bool can_receive() noexcept = 0;
  /// Whether more has to be read to know; else whatever the connection has is for a receive.
  virtual bool reads_ahead() const noexcept = 0;
  /// Memory for bytes that follow those that are here: never none while it cannot receive.
  virtual std::span<std::byte> space() = 0;
  /// So many bytes of it have been filled.
  virtual void commit(std::size_t count) noexcept = 0;

 protected:
  ~ReadAhead() = default;
};

}  // namespace detail
}  // namespace localsocket::inline LOCALSOCKET_ABI
