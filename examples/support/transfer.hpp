// What file_sender and file_receiver share: the protocol, the checksum and the progress line.
//
// The protocol:
//   sender:    the file's size (8 bytes, least significant first), the file's bytes, their checksum (16 bytes)
//   receiver:  when the file is stored whole under its name, the checksum of what it stored (16 bytes)
// Whoever fails closes the stream; the other side then meets the end of it too early, and fails as well.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include "standard_streams.hpp"

#define XXH_INLINE_ALL  // the header alone: nothing to link
#include <xxhash.h>

namespace example {

/// How long one side waits for the other: at first to meet, later for the next bytes.
inline constexpr std::chrono::seconds patience{30};

/// Few calls for a large file, and yet a buffer that stays in the processor's cache.
inline constexpr std::size_t buffer_size = 256 * 1024;

using SizeField = std::array<std::byte, 8>;

inline SizeField encode_size(std::uint64_t size) {
  SizeField field;
  for (std::byte& b : field) {
    b = static_cast<std::byte>(size);
    size >>= 8;
  }
  return field;
}

inline std::uint64_t decode_size(const SizeField& field) {
  std::uint64_t size = 0;
  for (std::size_t i = field.size(); i-- > 0;) size = size << 8 | std::to_integer<std::uint64_t>(field[i]);
  return size;
}

using Digest = std::array<std::byte, 16>;

/// XXH3 with 128 bits, as the tool xxh128sum prints it.
class Checksum {
 public:
  Checksum() { XXH3_128bits_reset(&state_); }

  void add(std::span<const std::byte> bytes) { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }

  Digest digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_));
    Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = std::byte{canonical.digest[i]};
    return digest;
  }

 private:
  XXH3_state_t state_;
};

/// The line that both sides print at the end.
inline void print_result(const Digest& digest, std::uint64_t size, const std::string& file_name) {
  std::printf("checksum ");
  for (const std::byte b : digest) std::printf("%02x", std::to_integer<unsigned>(b));
  std::printf(" %llu bytes %s\n", static_cast<unsigned long long>(size), file_name.c_str());
}

/// A line on a terminal that is drawn over ten times a second; nothing when standard error goes elsewhere.
class Progress {
 public:
  explicit Progress(std::uint64_t size) : size_(size) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (drawn_) std::fputc('\n', stderr);
  }

  void show(std::uint64_t done) {
    const auto now = Clock::now();
    if (!terminal_ || (now < next_ && done < size_)) return;
    next_ = now + std::chrono::milliseconds(100);
    drawn_ = true;
    const double seconds = std::chrono::duration<double>(now - start_).count() + 1e-9;
    std::fprintf(stderr, "\r%3.0f %%  %.0f of %.0f MiB  %.0f MiB/s  ", 100 * mib(done) / mib(size_), mib(done),
                 mib(size_), mib(done) / seconds);
    std::fflush(stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1024 * 1024); }

  std::uint64_t size_;
  bool terminal_ = stderr_is_terminal();
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

}  // namespace example
