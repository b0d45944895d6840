// Passing file descriptors to another process.
#pragma once

#include <localsocket/buffers.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/stream.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::posix {

/// What one message can carry (SCM_MAX_FD, unix(7)).
inline constexpr std::size_t most_descriptors = 253;

/// Sends copies of `descriptors` with the first of the bytes; returns how many bytes went, at least one. Not beside
/// another write to the same stream. It ends as a write does. Errors: invalid_argument (no bytes, or too many
/// descriptors), Errc::closed (also: one of the descriptors is not open), and those of writing.
///
///     const int files[] = {::fileno(log)};
///     posix::send_descriptors(stream, files, name);
LOCALSOCKET_EXPORT std::size_t send_descriptors(LocalStream& stream, std::span<const int> descriptors,
                                                const WriteBuffers& bytes, const Wait& wait, std::error_code& ec);

struct Received {
  std::size_t bytes = 0;         ///< 0: the end of the stream
  std::vector<int> descriptors;  ///< close-on-exec, and the caller's to close
};

/// Reads like read_some, and takes the descriptors that came with those bytes. (LocalStream's own reads leave
/// descriptors to the kernel, which closes them.) What else may come with a message, credentials say, is passed over.
/// Errors: too_many_files_open (not all of the descriptors fit into this process: those that did are closed; the bytes
/// are in the buffers and counted), and those of reading.
///
///     auto [size, files] = posix::receive_descriptors(stream, buffer, 5s);
LOCALSOCKET_EXPORT Received receive_descriptors(LocalStream& stream, const ReadBuffers& to, const Wait& wait,
                                                std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
// The same calls, which throw std::system_error for the error.
LOCALSOCKET_EXPORT std::size_t send_descriptors(LocalStream& stream, std::span<const int> descriptors,
                                                const WriteBuffers& bytes, const Wait& wait = {});
LOCALSOCKET_EXPORT Received receive_descriptors(LocalStream& stream, const ReadBuffers& to, const Wait& wait = {});
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
