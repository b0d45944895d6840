// Making pipe instances and checking pipe handles: every creation flag is decided here, in one place.
#pragma once

#include "system.hpp"

#include <localsocket/options.hpp>

#include <optional>
#include <string>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

inline constexpr std::string_view local_prefix = R"(\\.\pipe\)";

inline constexpr std::size_t default_buffer_size = 64 * 1024;
inline constexpr std::size_t largest_buffer_size = std::size_t{1} << 30;

/// What the system says of a pipe's end.
struct PipeInfo {
  bool is_server_end = false;
  bool has_messages = false;    ///< their bounds are kept, so that an empty one can be sent
  bool is_for_packets = false;  ///< a listener of ours has made it for them; of one with has_messages
  DWORD write_buffer_size = 0;  ///< the buffer for what this end writes; 0 if its creator asked for none
};

/// A message-type pipe serves streams too, so that they can end one direction, and a client has to tell the two apart.
/// All that the system tells it of a pipe is its type, its number of instances and the sizes of its buffers: those of
/// packets are odd, and ours for streams are not. Of a pipe that others serve it is for the client to know.
constexpr DWORD mark_size(DWORD size, Type type) noexcept {
  return type == Type::packets ? size | 1 : size + (size & 1);
}
constexpr bool is_marked(DWORD size) noexcept { return (size & 1) != 0; }

/// Nothing if it is no pipe.
std::optional<PipeInfo> info_of(HANDLE pipe) noexcept;

/// Has a call on this end wait until it can go on, and a read end with the message. Only so is an empty message, which
/// ends a half, told from nothing: a read by bytes takes the messages that follow along while it has room for them, and
/// the empty one with them. For who may not change the handle so, it is false.
bool set_modes(HANDLE pipe, const PipeInfo& info) noexcept;

/// What all instances of one pipe have in common.
class PipeMaker {
 public:
  PipeMaker() noexcept = default;

  /// `name` as CreateNamedPipeW takes it. Only the security descriptor can fail.
  PipeMaker(std::wstring name, const ListenOptions& options, std::error_code& ec);

  /// For what follows an instance that somebody else has made: all must be of one type.
  void take_type(const PipeInfo& first) noexcept;

  /// The next instance. With `first` the name must be free: ERROR_ACCESS_DENIED otherwise.
  Handle make(bool first, std::error_code& ec) const noexcept;

 private:
  struct LocalFreer {
    void operator()(void* memory) const noexcept { ::LocalFree(memory); }
  };

  std::wstring name_;
  DWORD open_mode_ = 0;
  DWORD pipe_mode_ = 0;
  DWORD in_buffer_size_ = default_buffer_size;
  DWORD out_buffer_size_ = default_buffer_size;
  bool is_inheritable_ = false;
  std::unique_ptr<void, LocalFreer> descriptor_;
};

/// Opens the client's end.
Handle open_client(const std::wstring& name, const ConnectOptions& options, std::error_code& ec) noexcept;
/// The same for a child's standard output: synchronous, inheritable, and only to be written to.
Handle open_client_for_child(const std::wstring& name, const ConnectOptions& options, std::error_code& ec) noexcept;

/// For somebody else's handle: puts an end of a named pipe that is open for overlapped I/O into the modes that reads
/// and writes need. Any other handle is operation_not_supported, and no handle Errc::closed.
std::optional<PipeInfo> prepare_pipe(HANDLE handle, bool should_listen, std::error_code& ec) noexcept;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
