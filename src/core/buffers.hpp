// A list of buffers that a call works through.
#pragma once

#include <cstddef>
#include <span>

namespace localsocket::detail {

/// What is left of one span or of a list of them. The first one is never empty, so empty() means that no byte is left.
template <class Byte>
class Buffers {
 public:
  explicit Buffers(std::span<Byte> single) noexcept : front_(single) {}
  explicit Buffers(std::span<const std::span<Byte>> list) noexcept : rest_(list) { advance(0); }

  bool empty() const noexcept { return front_.empty(); }
  bool is_single() const noexcept { return rest_.empty(); }
  std::span<Byte> front() const noexcept { return front_; }

  void advance(std::size_t bytes) noexcept {
    while (bytes >= front_.size() && !rest_.empty()) {
      bytes -= front_.size();
      front_ = rest_.front();
      rest_ = rest_.subspan(1);
    }
    front_ = front_.subspan(bytes);
  }

  /// Calls `take(span)` for each span that is left until it returns false.
  template <class Take>
  void for_each(Take take) const {
    if (!take(front_)) return;
    for (const std::span<Byte>& span : rest_) {
      if (!take(span)) return;
    }
  }

 private:
  std::span<Byte> front_;
  std::span<const std::span<Byte>> rest_;
};

using ReadBuffers = Buffers<std::byte>;
using WriteBuffers = Buffers<const std::byte>;

}  // namespace localsocket::detail
