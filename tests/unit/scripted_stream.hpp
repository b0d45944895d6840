// A LocalStream whose reads and writes end where a test says: linked instead of the library's, so that what is built on
// LocalStream meets an interruption at every byte, on every platform.
#pragma once

#include <localsocket/stream.hpp>

#include "core/gate.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// What is behind the LocalStream.
class Connection {
 public:
  std::span<const std::byte> input;  ///< what there is to read, and then the end
  std::vector<std::byte> output;     ///< what was written

  /// How many bytes go through in each direction before the next call ends with `ec`, once; then the rest goes through.
  std::size_t until_interruption = 0;
  std::error_code ec;

  std::size_t largest_step = SIZE_MAX;  ///< of one read
  bool is_closed = false;

  Gate reading;
  Gate writing;

  /// How many of `size` bytes go through now; sets `error` if none do, or (all) if fewer.
  std::size_t pass(std::size_t size, bool all, std::error_code& error);
};

/// A stream with that behind it.
LocalStream scripted_stream(std::shared_ptr<Connection> connection);

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
