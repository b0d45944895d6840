#include <localsocket/shared_memory.hpp>

#include "backend.hpp"
#include "core/errors.hpp"

#include <limits>

namespace localsocket::inline LOCALSOCKET_ABI {
namespace {

// Pointers into more could not be subtracted.
constexpr auto largest = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());

}  // namespace

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  if (this != &other) {
    close();
    memory_ = std::exchange(other.memory_, {});
    is_writable_ = std::exchange(other.is_writable_, false);
  }
  return *this;
}

SharedMemory SharedMemory::create(std::size_t size, std::error_code& ec) noexcept {
  ec.clear();
  if (size == 0) ec = detail::error(detail::Operation::other, std::errc::invalid_argument);
  if (size > largest) ec = detail::error(detail::Operation::other, std::errc::not_enough_memory);
  SharedMemory created;
  if (ec) return created;
  created.memory_ = detail::create_memory(size, ec);
  created.is_writable_ = created.is_open();
  return created;
}

SharedMemory SharedMemory::adopt(OwnedHandle handle, std::size_t at_least, std::error_code& ec) noexcept {
  ec.clear();
  SharedMemory adopted;
  if (!handle.is_open()) {
    ec = detail::error(detail::Operation::other, Errc::closed);
    return adopted;
  }
  adopted.memory_ = detail::map_memory(handle.native_handle(), ec);
  if (ec) return adopted;
  adopted.memory_.handle = handle.release();
  if (adopted.size() < at_least) {
    adopted.close();
    ec = detail::error(detail::Operation::other, std::errc::invalid_argument);
  }
  return adopted;
}

void SharedMemory::read_only_for_peer(std::error_code& ec) noexcept {
  ec.clear();
  if (!is_open()) {
    ec = detail::error(detail::Operation::other, Errc::closed);
  } else if (!is_writable_) {
    ec = detail::error(detail::Operation::other, std::errc::operation_not_supported);
  } else if (memory_.handle_for_peer == invalid_handle) {
    memory_.handle_for_peer = detail::make_read_only_for_peer(memory_, ec);
  }
}

void SharedMemory::close() noexcept {
  const detail::MappedMemory closing = std::exchange(memory_, {});
  is_writable_ = false;
  if (closing.data != nullptr) detail::unmap_memory(closing);
  if (closing.handle_for_peer != closing.handle) detail::close_handle(closing.handle_for_peer);
  if (closing.handle != invalid_handle) detail::close_handle(closing.handle);
}

SharedMemory SharedMemory::create(std::size_t size) {
  return detail::or_raise("create shared memory", LocalAddress(),
                          [&](std::error_code& ec) { return create(size, ec); });
}

SharedMemory SharedMemory::adopt(OwnedHandle handle, std::size_t at_least) {
  return detail::or_raise("take shared memory over", LocalAddress(),
                          [&](std::error_code& ec) { return adopt(std::move(handle), at_least, ec); });
}

void SharedMemory::read_only_for_peer() {
  detail::or_raise("make shared memory read-only", LocalAddress(),
                   [&](std::error_code& ec) { read_only_for_peer(ec); });
}

}  // namespace localsocket::inline LOCALSOCKET_ABI
