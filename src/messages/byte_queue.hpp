// Bytes that wait: appended at one end, taken from the other, always in one piece.
#pragma once

#include <localsocket/byte_window.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

/// Takes no memory until something is reserved, and only reserve() takes any.
class ByteQueue {
 public:
  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return window_.size(); }
  std::size_t capacity() const noexcept { return capacity_; }

  std::span<const std::byte> bytes() const noexcept { return {window_.begin, size()}; }

  /// Who takes bytes from it by moving its begin; the queue stays where it is as long as that is used.
  ByteWindow& window() noexcept { return window_; }

  /// The free space behind the bytes; commit() what has been filled of it.
  std::span<std::byte> free_space() noexcept { return {window_.end, memory_.get() + capacity_}; }
  void commit(std::size_t count) noexcept { window_.end += count; }

  /// Drops the first bytes. They stay where they are until the next reserve() or commit().
  void consume(std::size_t count) noexcept {
    window_.begin += count;
    if (empty()) window_ = {memory_.get(), memory_.get()};
  }

  /// Takes back the last bytes; their space is free again.
  void drop_back(std::size_t count) noexcept { window_.end -= count; }

  /// Makes space for `size` bytes in all: those that are in it and free_space() for the others.
  void reserve(std::size_t size) {
    if (size <= this->size() + free_space().size()) return;
    if (size <= capacity_) {
      move_to(memory_.get());
    } else {
      change_capacity(size);
    }
  }

  /// Gives memory back; `capacity` is not less than size().
  void change_capacity(std::size_t capacity) {
    std::unique_ptr<std::byte[]> memory(new std::byte[capacity]);  // make_unique would fill it with zeros
    move_to(memory.get());
    memory_ = std::move(memory);
    capacity_ = capacity;
  }

  /// Needs the free space for them.
  void append(std::span<const std::byte> bytes) noexcept {
    if (!bytes.empty()) std::memcpy(free_space().data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }

 private:
  void move_to(std::byte* to) noexcept {
    if (!empty()) std::memmove(to, bytes().data(), size());
    window_ = {to, to + size()};
  }

  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  ByteWindow window_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
