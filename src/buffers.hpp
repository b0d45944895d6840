// A list of buffers that a call works through.
#pragma once

#include <cstddef>
#include <span>

namespace localsocket::detail {

/// What is left of a list of spans. The first one is never empty, so empty() means that no byte is left.
template <class Byte>
class Buffers {
 public:
  explicit Buffers(std::span<const std::span<Byte>> list) noexcept : list_(list) { advance(0); }

  bool empty() const noexcept { return list_.empty(); }
  bool is_single() const noexcept { return list_.size() == 1; }
  std::span<Byte> front() const noexcept { return list_.front().subspan(done_); }

  void advance(std::size_t bytes) noexcept {
    done_ += bytes;
    while (!list_.empty() && done_ >= list_.front().size()) {
      done_ -= list_.front().size();
      list_ = list_.subspan(1);
    }
  }

  /// Calls `take(span)` for each span that is left until it returns false.
  template <class Take>
  void for_each(Take take) const {
    std::size_t skip = done_;
    for (const std::span<Byte>& span : list_) {
      if (!take(span.subspan(skip))) return;
      skip = 0;
    }
  }

 private:
  std::span<const std::span<Byte>> list_;
  std::size_t done_ = 0;  // bytes of the first span that are done
};

using ReadBuffers = Buffers<std::byte>;
using WriteBuffers = Buffers<const std::byte>;

}  // namespace localsocket::detail
