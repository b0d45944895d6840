// What calls read into and write from: whatever the caller has that holds bytes, or a list of spans of them.
#pragma once

#include <localsocket/platform.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

namespace detail {

template <class T>
concept IsByte = std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char> ||
    std::is_same_v<T, signed char> || std::is_same_v<T, char8_t>;

template <class T>
concept Contiguous = requires(T& container) {
  {std::data(container)};
  { std::size(container) } -> std::convertible_to<std::size_t>;
};

/// The type of what a container holds, const if it may not be written to.
template <Contiguous T>
using Element = std::remove_pointer_t<decltype(std::data(std::declval<T&>()))>;

template <class T>
concept ByteContainer = Contiguous<T> && IsByte<std::remove_const_t<Element<T>>>;

template <class T>
concept WritableByteContainer = ByteContainer<T> && !std::is_const_v<Element<T>>;

template <class T, class Byte>
concept ListOf = Contiguous<T> && std::is_same_v<std::remove_const_t<Element<T>>, std::span<Byte>>;

template <class T>
concept Text = std::is_same_v < std::decay_t<T>,
const char* > || std::is_same_v<std::decay_t<T>, char*>;

/// One span or a list of them, or what is left of it. The first one is never empty, so empty() means that no byte is
/// left.
template <class Byte>
class Buffers {
 public:
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

  std::size_t total_size() const noexcept {
    std::size_t size = front_.size();
    for (const std::span<Byte>& span : rest_) size += span.size();
    return size;
  }

 protected:
  explicit Buffers(std::span<Byte> single) noexcept : front_(single) {}
  explicit Buffers(std::span<const std::span<Byte>> list) noexcept : rest_(list) { advance(0); }

 private:
  std::span<Byte> front_;
  std::span<const std::span<Byte>> rest_;
};

}  // namespace detail

/// Memory to read into, which stays the caller's: made implicitly from anything contiguous of bytes (std::byte, char,
/// unsigned char, signed char, char8_t), from a pointer and a size, or from a list of std::span<std::byte>, which is
/// filled in its order. An array is its whole size; a string or a vector its present size.
///
///     char line[80];
///     stream.read_some(line);
///     stream.read_exact({&header, sizeof header});
///     std::span<std::byte> parts[] = {head, body};
///     stream.read_some(parts);
class ReadBuffers : public detail::Buffers<std::byte> {
 public:
  template <class T>
  requires detail::WritableByteContainer<T> ReadBuffers(T&& bytes)
  noexcept  // implicit by design
      : ReadBuffers(std::data(bytes), std::size(bytes)) {}
  template <class T>
  requires detail::ListOf<const T, std::byte> ReadBuffers(const T& list)
  noexcept  // implicit by design
      : Buffers(std::span<const std::span<std::byte>>(std::data(list), std::size(list))) {}
  ReadBuffers(void* bytes, std::size_t size) noexcept : Buffers(std::span(static_cast<std::byte*>(bytes), size)) {}
};

/// Memory to write from, which stays the caller's: made as ReadBuffers, and from what is const. A `const char*` and a
/// built-in array of char are text, up to the first NUL.
///
///     stream.write_all("hello");                       // five bytes
///     stream.write_all({&header, sizeof header});
///     std::span<const std::byte> parts[] = {head, body};
///     stream.write_all(parts);
class WriteBuffers : public detail::Buffers<const std::byte> {
 public:
  template <class T>
  requires(detail::ByteContainer<const T> && !detail::Text<T>) WriteBuffers(const T& bytes)
  noexcept  // implicit by design
      : WriteBuffers(std::data(bytes), std::size(bytes)) {}
  template <class T>
  requires detail::Text<T> WriteBuffers(const T& text)
  noexcept : WriteBuffers(text, length_of(text)) {}  // implicit by design
  template <class T>
  requires detail::ListOf<const T, const std::byte> WriteBuffers(const T& list)
  noexcept  // implicit by design
      : Buffers(std::span<const std::span<const std::byte>>(std::data(list), std::size(list))) {}
  WriteBuffers(const void* bytes, std::size_t size) noexcept
      : Buffers(std::span(static_cast<const std::byte*>(bytes), size)) {}

 private:
  template <class T>
  static std::size_t length_of(const T& text) noexcept {
    if constexpr (std::is_array_v<T>) {
      const void* const end = std::memchr(text, '\0', sizeof text);
      return end == nullptr ? sizeof text : static_cast<std::size_t>(static_cast<const char*>(end) - text);
    } else {
      return std::strlen(text);
    }
  }
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
