#include "support/test.hpp"

#include <ostream>
#include <utility>

namespace localsocket::test {

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.count << " bytes, " << outcome.ec << " (" << outcome.ec.message() << ")";
}

std::ostream& operator<<(std::ostream& out, Origin origin) {
  return out << (origin == Origin::listener ? "Listener" : "Pair");
}

Outcome read_some(LocalStream& stream, std::span<std::byte> buffer, const Wait& wait) {
  Outcome outcome;
  outcome.count = stream.read_some(buffer, wait, outcome.ec);
  return outcome;
}

Outcome write_some(LocalStream& stream, std::span<const std::byte> bytes, const Wait& wait) {
  Outcome outcome;
  outcome.count = stream.write_some(bytes, wait, outcome.ec);
  return outcome;
}

Outcome read_exact(LocalStream& stream, std::span<std::byte> buffer, const Wait& wait) {
  Outcome outcome;
  outcome.count = stream.read_exact(buffer, wait, outcome.ec);
  return outcome;
}

Outcome write_all(LocalStream& stream, std::span<const std::byte> bytes, const Wait& wait) {
  Outcome outcome;
  outcome.count = stream.write_all(bytes, wait, outcome.ec);
  return outcome;
}

// A client is connected before anyone accepts it, so this needs no second thread.
Ends connected_ends(const ListenOptions& options) {
  auto listener = LocalListener::bind(LocalAddress::unique(), options);
  auto client = LocalStream::connect(listener.local_address());
  auto server = listener.accept();
  return {std::move(client), std::move(server)};
}

Ends ends_from(Origin origin) {
  if (origin == Origin::listener) return connected_ends();
  auto [one, other] = LocalStream::pair();
  return {std::move(one), std::move(other)};
}

Bytes read_to_end(LocalStream& stream) {
  Bytes all;
  Bytes buffer(64_KiB);
  while (const auto count = stream.read_some(buffer)) all.insert(all.end(), buffer.begin(), buffer.begin() + count);
  return all;
}

// Chunks first, then single bytes for what is left of the room.
std::size_t fill(LocalStream& stream, ByteSequence& sequence) {
  std::size_t filled = 0;
  for (const std::size_t size : {4_KiB, std::size_t{1}}) {
    while (true) {
      auto ahead = sequence;
      const auto [count, ec] = write_some(stream, ahead.take(size), 0s);
      filled += count;
      sequence.take(count);
      if (ec == std::errc::timed_out) break;
      if (ec) throw std::system_error(ec, "fill");
    }
  }
  return filled;
}

std::size_t fill(LocalStream& stream) {
  ByteSequence sequence;
  return fill(stream, sequence);
}

::testing::AssertionResult code_is(const char* code_text, const char* condition_text, const std::error_code& code,
                                   const std::error_condition& condition) {
  if (condition ? code == condition : !code) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << code_text << "\n  is: " << code << " (" << code.message()
                                       << ")\n  not: " << condition_text << " (" << condition.message() << ")";
}

}  // namespace localsocket::test
