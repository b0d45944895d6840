// A handle of the system that closes itself.
#pragma once

#include <localsocket/platform.hpp>

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// Owns a descriptor or a `HANDLE` of any kind, and closes it in the end. Move-only; one thread at a time uses it.
class LOCALSOCKET_EXPORT OwnedHandle {
 public:
  OwnedHandle() noexcept = default;
  /// Takes it over. `invalid_handle` is none.
  explicit OwnedHandle(NativeHandle handle) noexcept : handle_(handle) {}
  OwnedHandle(OwnedHandle&& other) noexcept : handle_(other.release()) {}
  OwnedHandle& operator=(OwnedHandle&& other) noexcept {
    if (this != &other) {
      const OwnedHandle old(std::exchange(handle_, other.release()));
    }
    return *this;
  }
  ~OwnedHandle() { close(); }

  /// The handle, which stays its owner's; `invalid_handle` for none.
  NativeHandle native_handle() const noexcept { return handle_; }
  bool is_open() const noexcept { return handle_ != invalid_handle; }

  /// Gives the handle up: the caller closes it.
  NativeHandle release() noexcept { return std::exchange(handle_, invalid_handle); }

  void close() noexcept;

 private:
  NativeHandle handle_ = invalid_handle;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
