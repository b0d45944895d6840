// Passing file descriptors to another process.
#pragma once

#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::posix {

/// What one message can carry (SCM_MAX_FD, unix(7)).
inline constexpr std::size_t most_descriptors = 253;

/// Sends copies of `descriptors` with the first of `bytes` over a stream's native_handle(); returns how many bytes
/// went, at least one. Not beside another write to the same stream, and the stream must stay open meanwhile. Errors:
/// invalid_argument (no bytes, or too many descriptors), broken_pipe, timed_out, operation_canceled, Errc::closed (one
/// of the descriptors is not open).
///
///     const int files[] = {::fileno(log)};
///     posix::send_descriptors(stream.native_handle(), files, name);
LOCALSOCKET_EXPORT std::size_t send_descriptors(NativeHandle stream, std::span<const int> descriptors,
                                                std::span<const std::byte> bytes, const Wait& wait,
                                                std::error_code& ec);
LOCALSOCKET_EXPORT std::size_t send_descriptors(NativeHandle stream, std::span<const int> descriptors,
                                                std::span<const std::byte> bytes, const Wait& wait = {});

struct Received {
  std::size_t bytes = 0;         ///< 0: the end of the stream
  std::vector<int> descriptors;  ///< close-on-exec, and the caller's to close
};

/// Reads like read_some, and takes the descriptors that came with those bytes. (LocalStream's own reads leave
/// descriptors to the kernel, which closes them.) What else may come with a message, credentials say, is passed over.
/// Errors: too_many_files_open (not all of the descriptors fit into this process: those that did are closed; the bytes
/// are in the buffer and counted), timed_out, operation_canceled, and those of reading.
///
///     auto [size, files] = posix::receive_descriptors(stream.native_handle(), buffer, 5s);
LOCALSOCKET_EXPORT Received receive_descriptors(NativeHandle stream, std::span<std::byte> buffer, const Wait& wait,
                                                std::error_code& ec);
LOCALSOCKET_EXPORT Received receive_descriptors(NativeHandle stream, std::span<std::byte> buffer,
                                                const Wait& wait = {});

}  // namespace localsocket::posix
