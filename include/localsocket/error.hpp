// Errors: one portable list for every platform.
#pragma once

#include <localsocket/platform.hpp>

#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

/// The conditions that std::errc has no word for.
///
/// Every error of this library compares equal to one portable condition, an `Errc` or a `std::errc`, and keeps the
/// native code (errno or GetLastError()) in `value()`:
///
///     if (ec == std::errc::connection_refused) …  // nobody is listening, on every platform
///
/// Two errors with one native code compare equal whichever calls they come from, unless the code means something else
/// to one of these calls. An `Errc` assigned to an error_code has no native code, so compare with conditions:
/// `ec == Errc::closed` holds for both.
///
/// Each call names the errors that belong to it. What any call can meet, it does not name: not_enough_memory,
/// too_many_files_open, operation_not_supported and io_error. A signal ends no call.
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
/// | errc::operation_not_supported   | this platform, this kind of handle, or a sandbox, does not     |
/// | errc::invalid_argument          | an option out of range                                         |
/// | errc::no_such_file_or_directory | bind: no directory of the path; DetachedProcess: no program    |
/// | errc::read_only_file_system     | bind, in a directory that cannot be written                    |
/// | errc::no_space_on_device        | bind, and there is no space for this user's socket file          |
/// | errc::wrong_protocol_type       | connect, and another kind of socket is there                   |
/// | errc::not_enough_memory         | the system's memory ran out, or its buffers for this           |
/// | errc::io_error                  | the file system failed                                         |
/// | Errc::message_too_large         | MessageStream: longer than the limit, or than the system takes |
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
LOCALSOCKET_EXPORT std::error_code make_error_code(Errc condition) noexcept;

/// Whether the same call may well succeed a little later, with nothing closed or changed: timed_out,
/// operation_would_block and too_many_files_open. A connection_refused is not: nobody may ever listen.
LOCALSOCKET_EXPORT bool is_temporary(const std::error_code& ec) noexcept;

// An Errc converts to both an error_code and an error_condition; a comparison means the condition.
inline bool operator==(const std::error_code& code, Errc condition) noexcept {
  return code && code == make_error_condition(condition);
}
inline bool operator==(const std::error_condition& a, Errc b) noexcept { return a == make_error_condition(b); }

}  // namespace localsocket::inline LOCALSOCKET_ABI

template <>
struct std::is_error_condition_enum<localsocket::Errc> : std::true_type {};

template <>
struct std::is_error_code_enum<localsocket::Errc> : std::true_type {};
