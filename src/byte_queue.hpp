// Bytes that wait: appended at one end, taken from the other, always in one piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

namespace localsocket::detail {

/// Takes no memory until something is reserved, and only reserve() takes any.
class ByteQueue {
 public:
  bool empty() const noexcept { return begin_ == end_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::size_t capacity() const noexcept { return capacity_; }

  std::span<const std::byte> bytes() const noexcept { return {memory_.get() + begin_, size()}; }

  /// The free space behind the bytes; commit() what has been filled of it.
  std::span<std::byte> room() noexcept { return {memory_.get() + end_, capacity_ - end_}; }
  void commit(std::size_t count) noexcept { end_ += count; }

  /// Drops the first bytes. They stay where they are until the next reserve() or commit().
  void consume(std::size_t count) noexcept {
    begin_ += count;
    if (empty()) begin_ = end_ = 0;
  }

  /// Makes space for `size` bytes in all: those that are in it and room() for the others.
  void reserve(std::size_t size) {
    if (begin_ + size <= capacity_) return;
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

  /// Needs room.
  void append(std::span<const std::byte> bytes) noexcept {
    if (!bytes.empty()) std::memcpy(room().data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }

 private:
  void move_to(std::byte* to) noexcept {
    if (!empty()) std::memmove(to, bytes().data(), size());
    end_ = size();
    begin_ = 0;
  }

  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace localsocket::detail
