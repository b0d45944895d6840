#include "observers.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "standard_streams.hpp"

namespace tool {
namespace {

constexpr std::size_t row_size = 16;
// A line that does not end is printed in pieces of this size.
constexpr std::size_t longest_line = 4096;

std::size_t index(Way way) { return way == Way::there ? 0 : 1; }

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

char digit(unsigned value) { return "0123456789abcdef"[value & 0xf]; }

void append_hex(std::string& text, std::uint64_t value, int digits) {
  while (digits-- > 0) text += digit(static_cast<unsigned>(value >> (4 * digits)));
}

std::string escaped(std::string_view line) {
  std::string text;
  for (const char c : line) {
    switch (c) {
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\t':
        text += "\\t";
        break;
      case '\\':
        text += "\\\\";
        break;
      default:
        if (is_printable(c)) {
          text += c;
        } else {
          text += "\\x";
          append_hex(text, static_cast<unsigned char>(c), 2);
        }
    }
  }
  return text;
}

/// `00000010  68 65 6c 6c 6f                                    |hello|`
std::string hex_row(std::uint64_t offset, std::span<const std::byte> bytes) {
  std::string row;
  append_hex(row, offset, 8);
  std::string characters;
  for (std::size_t i = 0; i < row_size; ++i) {
    row += i % 8 == 0 ? "  " : " ";
    if (i >= bytes.size()) {
      row += "  ";
      continue;
    }
    append_hex(row, std::to_integer<unsigned>(bytes[i]), 2);
    const char c = static_cast<char>(bytes[i]);
    characters += is_printable(c) ? c : '.';
  }
  return row + "  |" + characters + "|";
}

void print(const std::string& text) {
  if (!text.empty()) write_output(std::as_bytes(std::span(text)));
}

}  // namespace

Dump::~Dump() {
  try {
    for (const Way way : {Way::there, Way::back}) {
      const std::string& line = directions_[index(way)].line;
      if (!line.empty()) print(prefix(way) + escaped(line) + '\n');
    }
  } catch (const std::exception&) {
    // Nobody reads standard output any more.
  }
}

std::string Dump::prefix(Way way) const { return std::to_string(connection_) + (way == Way::there ? "> " : "< "); }

void Dump::see(Way way, std::span<const std::byte> bytes) {
  // One write for each piece of data, so that the threads' lines do not mix.
  static std::mutex one_at_a_time;
  const std::string text = form_ == DumpForm::hex     ? hex(way, bytes)
                           : form_ == DumpForm::lines ? lines(way, bytes)
                                                      : std::string();
  const std::lock_guard lock(one_at_a_time);
  print(text);
}

std::string Dump::hex(Way way, std::span<const std::byte> bytes) {
  std::uint64_t& offset = directions_[index(way)].offset;
  std::string text;
  while (!bytes.empty()) {
    const auto row = bytes.first(std::min(bytes.size(), row_size));
    text += prefix(way) + hex_row(offset, row) + '\n';
    offset += row.size();
    bytes = bytes.subspan(row.size());
  }
  return text;
}

std::string Dump::lines(Way way, std::span<const std::byte> bytes) {
  std::string& line = directions_[index(way)].line;
  std::string text;
  for (const std::byte b : bytes) {
    line += static_cast<char>(b);
    if (line.back() != '\n' && line.size() < longest_line) continue;
    text += prefix(way) + escaped(line) + '\n';
    line.clear();
  }
  return text;
}

Progress::Progress(bool wanted) : shown_(wanted && stderr_is_terminal()) {}

Progress::~Progress() {
  if (!shown_) return;
  draw(Clock::now());
  std::fputc('\n', stderr);
}

void Progress::see(Way way, std::span<const std::byte> bytes) {
  if (!shown_) return;
  const std::lock_guard lock(mutex_);
  bytes_[index(way)] += bytes.size();
  const auto now = Clock::now();
  if (now >= next_) draw(now);
}

void Progress::draw(Clock::time_point now) {
  constexpr double mebibyte = 1024 * 1024;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - start_).count() + 1e-9;
  const auto there = static_cast<double>(bytes_[0]) / mebibyte;
  const auto back = static_cast<double>(bytes_[1]) / mebibyte;
  std::fprintf(stderr, "\r%.1f MiB there, %.1f MiB back, %.1f MiB/s  ", there, back, (there + back) / seconds);
  std::fflush(stderr);
}

}  // namespace tool
