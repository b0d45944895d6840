// Bytes for tests to send, and to recognise again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace localsocket::test {

using Bytes = std::vector<std::byte>;

inline constexpr std::size_t operator""_KiB(unsigned long long n) { return n << 10; }
inline constexpr std::size_t operator""_MiB(unsigned long long n) { return n << 20; }

/// The bytes of a text, which must outlive them.
inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// An endless sequence of bytes in which every stretch of eight is different from its neighbours: the same for the same
/// seed, wherever it is cut. A byte that is lost, doubled or out of order shows.
class ByteSequence {
 public:
  explicit ByteSequence(std::uint64_t seed = 1) : seed_(seed) {}

  std::byte next() {
    if (position_ % 8 == 0) word_ = mix(seed_ + position_ / 8);
    return static_cast<std::byte>(word_ >> (8 * (position_++ % 8)));
  }

  void fill(std::span<std::byte> bytes) {
    for (auto& byte : bytes) byte = next();
  }

  Bytes take(std::size_t count) {
    Bytes bytes(count);
    fill(bytes);
    return bytes;
  }

  /// Whether these are the next bytes of the sequence.
  bool continues_with(std::span<const std::byte> bytes) {
    for (const auto byte : bytes) {
      if (byte != next()) return false;
    }
    return true;
  }

  std::uint64_t position() const { return position_; }

 private:
  // SplitMix64's finisher: https://prng.di.unimi.it/splitmix64.c
  static std::uint64_t mix(std::uint64_t n) {
    n *= 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
  }

  std::uint64_t seed_;
  std::uint64_t position_ = 0;
  std::uint64_t word_ = 0;
};

inline Bytes some_bytes(std::size_t count, std::uint64_t seed = 1) { return ByteSequence(seed).take(count); }

inline Bytes first_of(const Bytes& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// FNV-1a, 64 bits: of all bytes that were added.
class Checksum {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const auto byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  }
  std::uint64_t value() const { return value_; }
  friend bool operator==(const Checksum&, const Checksum&) = default;

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

/// Sizes from 1 to `largest`, the small ones as likely as the large ones; the same for the same seed.
class RandomSizes {
 public:
  RandomSizes(std::size_t largest, std::uint64_t seed) : largest_(largest), random_(seed) {}

  std::size_t next() {
    const std::size_t magnitude = std::size_t{1} << (random_() % 24);
    return 1 + random_() % (magnitude < largest_ ? magnitude : largest_);
  }

 private:
  std::size_t largest_;
  std::mt19937_64 random_;
};

}  // namespace localsocket::test
