// What a user can see of the bytes that pass.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "joining.hpp"

namespace tool {

enum class DumpForm { none, hex, lines };

/// Prints the bytes of a connection to standard output: `1> ` before what the first client sends, `1< ` before what it
/// gets. Safe to use from the threads of all connections.
class Dump {
 public:
  Dump(DumpForm form, unsigned connection) : form_(form), connection_(connection) {}
  Dump(const Dump&) = delete;
  Dump& operator=(const Dump&) = delete;
  /// Prints what is left of lines that have not ended.
  ~Dump();

  void see(Way way, std::span<const std::byte> bytes);

 private:
  struct Direction {
    std::uint64_t offset = 0;
    std::string line;
  };

  std::string prefix(Way way) const;
  std::string hex(Way way, std::span<const std::byte> bytes);
  std::string lines(Way way, std::span<const std::byte> bytes);

  DumpForm form_;
  unsigned connection_;
  std::array<Direction, 2> directions_;  // each used by the thread of its way
};

/// A line on a terminal that is drawn over ten times a second; nothing when standard error goes elsewhere.
class Progress {
 public:
  explicit Progress(bool wanted);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void see(Way way, std::span<const std::byte> bytes);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);

  const bool shown_;
  std::mutex mutex_;
  std::array<std::uint64_t, 2> bytes_{};
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

}  // namespace tool
