// A connection that another program writes to as its standard output.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/buffers.hpp>
#include <localsocket/options.hpp>
#include <localsocket/platform.hpp>
#include <localsocket/wait.hpp>

#include <cstddef>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI {

/// The client's end of a connection in the form that a child process can have as its standard output or error: a
/// blocking descriptor without time-outs on Unix; a synchronous, inheritable handle that can only be written to on
/// Windows, where the handle of a LocalStream would not do. Move-only; the destructor closes it.
///
///     auto output = ChildOutput::connect("log.example");
///     output.write_all("what comes before the child's own output\n");
///     … start the child with output.native_handle() as its standard output …
///     output.close();  // or the listener never sees the end of the stream
class LOCALSOCKET_EXPORT ChildOutput {
 public:
  ChildOutput() noexcept = default;
  ChildOutput(ChildOutput&& other) noexcept;
  ChildOutput& operator=(ChildOutput&& other) noexcept;
  ~ChildOutput() { close(); }

  /// As LocalStream::connect, with its errors. The direction in the options does not count.
  static ChildOutput connect(const LocalAddress& address, const Wait& wait, const ConnectOptions& options,
                             std::error_code& ec);
  static ChildOutput connect(const LocalAddress& address, const Wait& wait, std::error_code& ec) {
    return connect(address, wait, ConnectOptions(), ec);
  }
  static ChildOutput connect(const LocalAddress& address, std::error_code& ec) {
    return connect(address, default_connect_timeout, ConnectOptions(), ec);
  }

  /// Writes bytes of this process, such as a header, before the child has the handle. As LocalStream's, with their
  /// errors.
  std::size_t write_some(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  std::size_t write_some(const WriteBuffers& from, std::error_code& ec) { return write_some(from, Wait(), ec); }
  std::size_t write_all(const WriteBuffers& from, const Wait& wait, std::error_code& ec);
  std::size_t write_all(const WriteBuffers& from, std::error_code& ec) { return write_all(from, Wait(), ec); }

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  static ChildOutput connect(const LocalAddress& address, const Wait& wait = default_connect_timeout,
                             const ConnectOptions& options = {});
  std::size_t write_some(const WriteBuffers& from, const Wait& wait = {});
  std::size_t write_all(const WriteBuffers& from, const Wait& wait = {});
#endif

  bool is_open() const noexcept { return handle_ != invalid_handle; }
  NativeHandle native_handle() const noexcept { return handle_; }
  NativeHandle release() noexcept;

  /// Closes this process's copy: once the child has its own.
  void close() noexcept;

 private:
  explicit ChildOutput(NativeHandle handle) noexcept : handle_(handle) {}
  std::size_t write(const WriteBuffers& from, bool all, const Wait& wait, std::error_code& ec);

  NativeHandle handle_ = invalid_handle;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
