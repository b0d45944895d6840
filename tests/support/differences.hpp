// Every difference between the platforms that a test may know: a table with a column for each, and the one choice.
// All else is the same everywhere, and tested so.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <localsocket/error.hpp>
#include <string_view>
#include <system_error>

namespace localsocket::test {

/// The native codes that ec.value() may have for a condition; 0 is unused, and none at all says that the platform has
/// none.
using NativeCodes = std::array<int, 3>;

struct Platform {
  std::string_view name;

  // Streams
  bool can_half_close;             ///< shutdown() works; else operation_not_supported
  bool scatters_reads;             ///< read_some into several buffers fills more than the first
  bool can_drain;                  ///< drain() can tell what the peer has read; else operation_not_supported
  bool drain_knows_what_was_lost;  ///< drain() tells a peer that left with bytes unread from one that read them
  std::size_t exact_room;          ///< bytes a connection takes while nobody reads, to the byte; 0 is not defined

  // Addresses
  std::string_view machine_prefix;  ///< of the native form of a name of the machine
  std::string_view machine_suffix;
  std::string_view path_prefix;   ///< what a native path of a test begins with
  std::string_view foreign_path;  ///< the other platform's form of a path
  bool foreign_path_is_valid;     ///< and whether this one takes it
  bool has_abstract_names;        ///< addresses that begin with @
  std::size_t longest_path;       ///< bytes of the longest native path
  bool address_is_a_file;         ///< the address is visible in the file system

  // Listeners
  bool can_replace_live_listener;  ///< Existing::replace takes over a live listener's address

  /// A connection keeps the name of its listener taken: after the listener is closed a bind gives address_in_use and a
  /// connect finds it busy, until both ends are closed.
  bool connections_hold_the_address;

  /// A client that asks for a direction that is not offered: refused at connect; else it meets the end of that
  /// direction once it has been accepted.
  bool refuses_directions_at_connect;

  // Processes
  bool can_fork;  ///< and has the example of a daemon
  bool has_signals;
  std::string_view printed_newline;         ///< what a program's printf makes of a newline
  std::size_t handles_kept_by_the_runtime;  ///< what the C++ runtime makes as it goes, and never gives back
  std::size_t most_bytes_of_a_member;       ///< memory of an idle connection in a wait set, with the connection's own
  bool can_limit_handles;                   ///< a process can be made to run out of descriptors

  // Memory
  bool has_shared_memory;        ///< else operation_not_supported
  bool tells_exact_memory_size;  ///< of what a peer has sent; else whole pages

  // Tracing: how many system calls a connect takes at most; the one of a read, write, bind, connect and close, and of a
  // read or write of several buffers
  std::size_t most_calls_of_a_connect;  ///< to a user's name
  std::string_view read_call;
  std::string_view write_call;
  std::string_view scattered_read_call;
  std::string_view gathered_write_call;
  std::string_view bind_call;
  std::string_view connect_call;
  std::string_view close_call;

  // docs/design.md, 8: the columns of native codes
  NativeCodes invalid_address;
  NativeCodes filename_too_long;
  NativeCodes address_in_use;
  NativeCodes permission_denied;
  NativeCodes connection_refused;
  NativeCodes timed_out;
  NativeCodes operation_would_block;
  NativeCodes operation_canceled;
  NativeCodes closed;
  NativeCodes broken_pipe;
  NativeCodes end_of_stream;
  NativeCodes too_many_files_open;
  NativeCodes operation_not_supported;
  NativeCodes invalid_argument;
};

// PATH_MAX without its NUL on Linux, what sun_len can count elsewhere.
#if defined(__linux__)
inline constexpr bool on_linux = true;
inline constexpr std::size_t longest_socket_path = 4095;
#else
inline constexpr bool on_linux = false;
inline constexpr std::size_t longest_socket_path = 253;
#endif

inline constexpr Platform unix_sockets{
    .name = "Unix domain sockets",
    .can_half_close = true,
    .scatters_reads = true,
    .can_drain = on_linux,
    .drain_knows_what_was_lost = on_linux,
    .exact_room = 0,
    .machine_prefix = on_linux ? "/run/" : "/var/run/",
    .machine_suffix = ".sock",
    .path_prefix = "/tmp/",
    .foreign_path = R"(\\.\pipe\echo)",
    .foreign_path_is_valid = true,
    .has_abstract_names = on_linux,
    .longest_path = longest_socket_path,
    .address_is_a_file = true,
    .can_replace_live_listener = true,
    .connections_hold_the_address = false,
    .refuses_directions_at_connect = false,
    .can_fork = true,
    .has_signals = true,
    .printed_newline = "\n",
    .handles_kept_by_the_runtime = 0,
    .most_bytes_of_a_member = 512,
    .can_limit_handles = true,
    .has_shared_memory = on_linux,
    .tells_exact_memory_size = true,
    .most_calls_of_a_connect = 5,  // open, fstat and close of the fallback directory, socket, connect
    .read_call = "recv",
    .write_call = "send",
    .scattered_read_call = "recvmsg",
    .gathered_write_call = "sendmsg",
    .bind_call = "bind",
    .connect_call = "connect",
    .close_call = "close",
    .invalid_address = {},
    .filename_too_long = {ENAMETOOLONG},
    .address_in_use = {EADDRINUSE},
    .permission_denied = {EACCES, EPERM},
    .connection_refused = {ENOENT, ECONNREFUSED},
    .timed_out = {EAGAIN, ETIMEDOUT},
    .operation_would_block = {EAGAIN, EWOULDBLOCK},
    .operation_canceled = {ECANCELED},
    .closed = {EBADF, EINVAL},
    .broken_pipe = {EPIPE, ECONNRESET},
    .end_of_stream = {},
    .too_many_files_open = {EMFILE, ENFILE},
    .operation_not_supported = {ENOTSUP, EOPNOTSUPP},
    .invalid_argument = {EINVAL},
};

// https://learn.microsoft.com/windows/win32/debug/system-error-codes
inline constexpr Platform named_pipes{
    .name = "Windows named pipes",
    .can_half_close = false,
    .scatters_reads = false,
    .can_drain = true,
    .drain_knows_what_was_lost = false,
    .exact_room = 64 * 1024,
    .machine_prefix = R"(\\.\pipe\)",
    .machine_suffix = "",
    .path_prefix = R"(\\.\pipe\)",
    .foreign_path = "/tmp/echo.sock",
    .foreign_path_is_valid = false,
    .has_abstract_names = false,
    .longest_path = 256,  // https://learn.microsoft.com/windows/win32/ipc/pipe-names
    .address_is_a_file = false,
    .can_replace_live_listener = false,
    .connections_hold_the_address = true,
    .refuses_directions_at_connect = true,
    .can_fork = false,
    .has_signals = false,
    .printed_newline = "\r\n",
    .handles_kept_by_the_runtime = 16,  // winpthreads: an event for each std::mutex that was ever contended
    .most_bytes_of_a_member = 768,      // it has a wait of the system's own, too
    .can_limit_handles = false,
    .has_shared_memory = true,
    .tells_exact_memory_size = false,
    .most_calls_of_a_connect = 3,  // CreateFileW, GetNamedPipeInfo, GetSecurityInfo: whose it is
    .read_call = "ReadFile",
    .write_call = "WriteFile",
    .scattered_read_call = "ReadFile",
    .gathered_write_call = "WriteFile",
    .bind_call = "CreateNamedPipeW",
    .connect_call = "CreateFileW",
    .close_call = "CloseHandle",
    .invalid_address = {123, 161},
    .filename_too_long = {206},
    .address_in_use = {5},
    .permission_denied = {5},
    .connection_refused = {2},
    .timed_out = {121, 231},
    .operation_would_block = {536, 997},
    .operation_canceled = {995},
    .closed = {6},
    .broken_pipe = {109, 232, 233},
    .end_of_stream = {109, 233},
    .too_many_files_open = {4, 1450},
    .operation_not_supported = {50},
    .invalid_argument = {87},
};

#if defined(_WIN32)
inline constexpr const Platform& platform = named_pipes;
#else
inline constexpr const Platform& platform = unix_sockets;
#endif

inline bool is_native(const std::error_code& ec, const NativeCodes& codes) {
  return ec.value() != 0 && std::find(codes.begin(), codes.end(), ec.value()) != codes.end();
}

}  // namespace localsocket::test
