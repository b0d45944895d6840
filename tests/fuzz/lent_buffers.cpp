// Lent buffers, at an end whose peer says whatever the input says. The first byte tells which end that is, and whether
// the others are cut into messages of ten bytes or are the bytes of the connection; a borrower's first message comes
// with the memory.

#include <localsocket/localsocket.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace localsocket;
using namespace std::chrono_literals;
using Input = std::span<const std::byte>;

constexpr MessageOptions with_handles{.handles = true};
constexpr std::size_t buffers = 3;
constexpr std::size_t memory_size = buffers * 4096;
constexpr std::size_t size_of_message = 10;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes the next message off the input.
Input next(Input& input) {
  const Input message = input.first(std::min(size_of_message, input.size()));
  input = input.subspan(message.size());
  return message;
}

/// Sends what is left, as far as the connection takes it.
void send_rest(MessageStream& peer, Input input, bool as_messages) {
  std::error_code ec;
  if (!as_messages) peer.stream().write_all(input, 0s, ec);
  while (as_messages && !input.empty() && !ec) peer.send(next(input), 0s, ec);
}

/// An error of the peer's making is told again.
void require_final(std::error_code first, std::error_code second) {
  if (first == Errc::malformed_message) require(second == first);
}

/// All zero. None where the system has no such memory.
const SharedMemory& memory() {
  static const SharedMemory created = [] {
    std::error_code ec;
    SharedMemory creating = SharedMemory::create(memory_size, ec);
    if (!ec) creating.read_only_for_peer(ec);
    require(!ec || ec == std::errc::operation_not_supported);
    return creating;
  }();
  return created;
}

void lie_to_a_borrower(Input input, bool as_messages) {
  auto [here, there] = LocalStream::pair();
  BufferBorrower borrower(MessageStream(std::move(here), with_handles));
  MessageStream peer(std::move(there), with_handles);
  const NativeHandle handles[] = {memory().handle_for_peer()};
  peer.send(next(input), handles, 1s);
  send_rest(peer, input, as_messages);
  std::vector<BorrowedBuffer> kept;
  unsigned sum = 0;
  std::error_code ec;
  while (auto buffer = borrower.receive(0s, ec)) {
    require(buffer->bytes().size() <= memory_size);
    for (const std::byte byte : buffer->bytes()) sum += std::to_integer<unsigned>(byte);
    if (buffer->bytes().size() % 2 == 1) kept.push_back(std::move(*buffer));
  }
  require(sum == 0 && kept.size() <= BufferLender::most_buffers);
  std::error_code again;
  require(!borrower.receive(0s, again));
  require_final(ec, again);
}

void lie_to_a_lender(Input input, bool as_messages) {
  auto [here, there] = LocalStream::pair();
  MessageStream peer(std::move(there), with_handles);
  BufferLender lender = BufferLender::create(MessageStream(std::move(here), with_handles),
                                             {.buffer_size = memory_size / buffers, .buffers = buffers}, 1s);
  for (std::size_t i = 0; i < buffers - 1; ++i) lender.send(lender.acquire(), 1);
  const LentBuffer acquired = lender.acquire();
  send_rest(peer, input, as_messages);
  std::error_code ec;
  while (LentBuffer buffer = lender.acquire(0s, ec)) {
    require(lender.free_buffers() <= buffers - 2);
    if (lender.send(std::move(buffer), 1, 0s, ec)) continue;
    require(ec == std::errc::timed_out);  // the peer does not read
    return;
  }
  std::error_code again;
  require(!lender.acquire(0s, again));
  require_final(ec, again);
  if (ec == Errc::malformed_message) require(lender.free_buffers() == buffers - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || memory().handle_for_peer() == invalid_handle) return 0;
  const Input input = std::as_bytes(std::span(data, std::min<std::size_t>(size, 4096)));
  const bool as_messages = data[0] % 2 == 0;
  if (data[0] / 2 % 2 == 0) {
    lie_to_a_borrower(input.subspan(1), as_messages);
  } else {
    lie_to_a_lender(input.subspan(1), as_messages);
  }
  return 0;
}
