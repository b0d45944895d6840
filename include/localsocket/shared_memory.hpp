// Memory that two processes have in common.
#pragma once

#include <localsocket/owned_handle.hpp>
#include <localsocket/platform.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

/// What a backend has mapped, and the handles for it.
struct MappedMemory {
  std::byte* data = nullptr;
  std::size_t size = 0;
  NativeHandle handle = invalid_handle;
  NativeHandle handle_for_peer = invalid_handle;  // the same as `handle` where one serves both
};

}  // namespace detail

/// Memory that this process writes and its peer reads, whatever its size, without a copy. Linux and Windows; elsewhere
/// each call gives errc::operation_not_supported.
///
///     SharedMemory frame = SharedMemory::create(1920 * 1080 * 4);
///     frame.read_only_for_peer();
///     …                                          // write to frame.bytes(), now and later
///     send(frame.handle_for_peer());             // by whatever passes handles on
///
///     SharedMemory seen = SharedMemory::adopt(std::move(received), 1920 * 1080 * 4);   // the peer
///     use(std::as_const(seen).bytes());
///
/// Who has what: a SharedMemory owns its mapping and its handles, and sending a handle gives the peer one of its own.
/// The memory is freed when the last of both sides is gone, so each may close or exit at any time. Move-only; different
/// threads may read and write the memory at once as any other memory, and call native_handle(), data() and size().
///
/// What a peer that got `handle_for_peer()` can do: read all of the memory, for as long as it likes. It cannot write
/// there, and neither side can change the size. On Windows that holds against a peer that may not open this process
/// (PROCESS_DUP_HANDLE), such as one of another user or of a lower integrity level; one that may, can take any handle.
///
/// What adopt() promises of a peer that lies: what it takes is mapped for reading only, its size is what the system
/// says, and that cannot shrink any more, so no access within size() is a crash by the peer's doing.
///
/// What no system can promise: the peer may change what is in there at any time, while it is read, too. Copy what is
/// to be checked, check the copy, and use no other. And the peer may have left parts unwritten: these read as zero, and
/// the first reader pays for them in memory.
class LOCALSOCKET_EXPORT SharedMemory {
 public:
  /// None: data() is null, and read_only_for_peer() gives Errc::closed.
  SharedMemory() noexcept = default;
  SharedMemory(SharedMemory&& other) noexcept
      : memory_(std::exchange(other.memory_, {})), is_writable_(std::exchange(other.is_writable_, false)) {}
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory() { close(); }

  /// New memory, all zero, writable here. All of it is there: a lack of memory is an error now, and no crash later.
  /// Errors: invalid_argument (of size 0), not_enough_memory.
  static SharedMemory create(std::size_t size, std::error_code& ec) noexcept;

  /// What a peer has sent, for reading. The handle is closed in case of an error.
  ///
  /// Errors: operation_not_supported (it is something else, or its size could still change, as on Linux that of memory
  /// without read_only_for_peer()), invalid_argument (it has fewer than `at_least` bytes, which is what the peer has
  /// told), permission_denied (it cannot be read), Errc::closed (no handle).
  static SharedMemory adopt(OwnedHandle handle, std::size_t at_least, std::error_code& ec) noexcept;
  static SharedMemory adopt(OwnedHandle handle, std::error_code& ec) noexcept {
    return adopt(std::move(handle), 1, ec);
  }

  /// From now on the memory can be written through the mapping of this object alone, and there is a handle_for_peer().
  /// Again does nothing. Errors: operation_not_supported (Linux before 5.1, or it was adopted), Errc::closed.
  void read_only_for_peer(std::error_code& ec) noexcept;

  /// Null for none. Of adopted memory nothing may be written there: the process would crash (is_writable()).
  std::byte* data() noexcept { return memory_.data; }
  const std::byte* data() const noexcept { return memory_.data; }

  /// Bytes: as many as create() was asked for. Adopted: what the system says, which on Windows is a multiple of the
  /// page size, and more than that.
  std::size_t size() const noexcept { return memory_.size; }

  std::span<std::byte> bytes() noexcept { return {memory_.data, memory_.size}; }
  std::span<const std::byte> bytes() const noexcept { return {memory_.data, memory_.size}; }

  bool is_open() const noexcept { return memory_.data != nullptr; }
  explicit operator bool() const noexcept { return is_open(); }
  /// Whether it comes from create().
  bool is_writable() const noexcept { return is_writable_; }

  /// A descriptor of a memfd, or a HANDLE of a section, which stays this object's. One that was created gives all
  /// rights: it is not for a peer.
  NativeHandle native_handle() const noexcept { return memory_.handle; }

  /// What a peer may have; it stays this object's. `invalid_handle` before read_only_for_peer().
  NativeHandle handle_for_peer() const noexcept { return memory_.handle_for_peer; }

  /// Ends the use of it by this object; no pointer into it may be used any more. The peer goes on.
  void close() noexcept;

#if LOCALSOCKET_HAS_EXCEPTIONS
  // The same calls, which throw std::system_error for the error.
  static SharedMemory create(std::size_t size);
  static SharedMemory adopt(OwnedHandle handle, std::size_t at_least = 1);
  void read_only_for_peer();
#endif

 private:
  detail::MappedMemory memory_;
  bool is_writable_ = false;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
