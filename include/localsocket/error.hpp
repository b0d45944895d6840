// Errors: one portable list for every platform.
#pragma once

#include <localsocket/platform.hpp>

#include <system_error>

namespace localsocket {

/// The conditions that std::errc has no word for.
///
/// Every error of this library compares equal to one portable condition, an `Errc` or a `std::errc`, and keeps the
/// native code (errno or GetLastError()) in `value()`:
///
///     if (ec == std::errc::connection_refused) …  // nobody is listening, on every platform
///
/// | condition                       | when                                                           |
/// | ------------------------------- | -------------------------------------------------------------- |
/// | Errc::invalid_address           | the address is malformed                                       |
/// | errc::filename_too_long         | the address is longer than the system takes                    |
/// | errc::address_in_use            | a live listener has it, or something that is no listener       |
/// | errc::permission_denied         | access refused                                                 |
/// | errc::connection_refused        | nobody is listening                                            |
/// | errc::timed_out                 | a deadline passed, or the listener stayed busy                 |
/// | errc::operation_would_block     | nonblocking, and nothing to do now                             |
/// | errc::operation_canceled        | a stop request, or cancel()                                    |
/// | Errc::closed                    | this side closed it (or it was moved from)                     |
/// | errc::broken_pipe               | a write, and the peer is gone                                  |
/// | Errc::end_of_stream             | read_exact, and the stream ended                               |
/// | errc::too_many_files_open       | descriptors or handles ran out                                 |
/// | errc::operation_not_supported   | this platform, or this kind of handle, cannot                  |
/// | errc::invalid_argument          | an option out of range                                         |
/// | Errc::message_too_large         | MessageStream: longer than the limit                           |
/// | Errc::malformed_message         | MessageStream: not a message                                   |
enum class Errc {
  invalid_address = 1,
  closed,
  end_of_stream,
  message_too_large,
  malformed_message,
};

/// The category of `Errc`.
LOCALSOCKET_EXPORT const std::error_category& category() noexcept;

LOCALSOCKET_EXPORT std::error_condition make_error_condition(Errc condition) noexcept;

}  // namespace localsocket

template <>
struct std::is_error_condition_enum<localsocket::Errc> : std::true_type {};
