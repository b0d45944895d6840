// Making pipe instances and checking pipe handles: every creation flag is decided here, in one place.
#pragma once

#include "system.hpp"

#include <localsocket/options.hpp>

#include <optional>
#include <string>
#include <system_error>

namespace localsocket::detail::windows_backend {

inline constexpr std::string_view local_prefix = R"(\\.\pipe\)";

inline constexpr std::size_t default_buffer_size = 64 * 1024;
inline constexpr std::size_t largest_buffer_size = std::size_t{1} << 30;

/// What all instances of one pipe have in common.
class PipeMaker {
 public:
  PipeMaker() noexcept = default;

  /// `name` as CreateNamedPipeW takes it. Only the security descriptor can fail.
  PipeMaker(std::wstring name, const ListenOptions& options, std::error_code& ec);

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

/// operation_not_supported unless it is an end of a named pipe opened for overlapped I/O; Errc::closed for no handle.
std::error_code check_pipe(HANDLE handle, bool should_listen) noexcept;

/// Whether its messages keep their bounds, so that an empty one can be sent.
bool is_message_type(HANDLE pipe) noexcept;

/// The buffer for what this end writes; 0 if its creator asked for none.
DWORD write_buffer_size(HANDLE pipe) noexcept;

}  // namespace localsocket::detail::windows_backend
