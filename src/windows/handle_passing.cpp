// Handles that a peer has sent as the numbers that they are to its process.
//
// The receiver takes them: a number that was put into its process it could not check. That needs the right to take any
// handle out of the sender, which the system grants to the same user only, and never towards a higher integrity level.
#include "core/handle_passing.hpp"

#include "account.hpp"
#include "peer.hpp"
#include "stream.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace windows_backend {
namespace {

/// Handles are multiples of four, and what is negative is no handle but a name for a process or thread (-1 to -6), of
/// which DuplicateHandle makes a real one.
bool may_be_handle(std::uint64_t number) noexcept {
  constexpr std::uint64_t largest = 0x7fffffff;
  return number != 0 && number % 4 == 0 && number <= largest;
}

/// The process at the other end, if the system lets us take handles out of it, and if its user is the one that the
/// connection belongs to: its number is evidence, which the peer can have arranged.
Handle open_peer(const PeerIdentity& peer, std::error_code& ec) {
  const auto id = static_cast<DWORD>(peer.process_id.value_or(0));
  Handle process(
      sys("OpenProcess", ::OpenProcess, DWORD{PROCESS_DUP_HANDLE | PROCESS_QUERY_LIMITED_INFORMATION}, FALSE, id));
  HANDLE token = nullptr;
  const bool is_known = process.is_open() &&
                        sys("OpenProcessToken", ::OpenProcessToken, process.get(), DWORD{TOKEN_QUERY}, &token) != FALSE;
  const Handle closing(token);
  const std::string user = is_known ? user_of(token, ec) : std::string();
  const bool is_the_peers = peer.source == PeerSource::connection && user == peer.sid;
  if (!ec && !(is_known && is_the_peers)) ec = error(Operation::other, std::errc::permission_denied);
  return process;
}

/// Of resources, and so of another try.
bool is_lack(const std::error_code& ec) noexcept {
  return ec == std::errc::too_many_files_open || ec == std::errc::not_enough_memory;
}

OwnedHandle take_from(HANDLE process, std::uint64_t number, std::error_code& ec) noexcept {
  HANDLE taken = nullptr;
  const auto handle = reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(number));
  if (sys("DuplicateHandle", ::DuplicateHandle, process, handle, ::GetCurrentProcess(), &taken, DWORD{0}, FALSE,
          DWORD{DUPLICATE_SAME_ACCESS}) != FALSE) {
    return OwnedHandle(taken);
  }
  const std::error_code why = last_error(Operation::other);
  ec = is_lack(why) ? why : error(Operation::read, Errc::malformed_message);
  return {};
}

}  // namespace

void Stream::take_from_peer(std::span<const std::uint64_t> numbers, std::vector<OwnedHandle>& handles,
                            std::error_code& ec) {
  if (!std::all_of(numbers.begin(), numbers.end(), may_be_handle)) {
    ec = error(Operation::read, Errc::malformed_message);
    return;
  }
  const PeerIdentity sender = peer(ec);
  if (ec && !is_lack(ec)) ec = error(Operation::other, std::errc::permission_denied);
  if (ec) return;
  const Handle process = open_peer(sender, ec);
  if (ec) return;
  handles.reserve(numbers.size());
  for (const std::uint64_t number : numbers) {
    OwnedHandle handle = take_from(process.get(), number, ec);
    if (ec) break;
    handles.push_back(std::move(handle));
  }
  if (ec) handles.clear();
}

}  // namespace windows_backend

bool handles_are_numbers() noexcept { return true; }

std::uint64_t number_of(NativeHandle handle) noexcept { return reinterpret_cast<std::uintptr_t>(handle); }

bool handles_need_acknowledgement() noexcept { return true; }

OwnedHandle duplicate_handle(NativeHandle handle, std::error_code& ec) noexcept {
  // -1 and its like would be made handles of this process and of its threads.
  if (reinterpret_cast<std::intptr_t>(handle) <= 0) {
    ec = error(Operation::other, Errc::closed);
    return {};
  }
  return OwnedHandle(windows_backend::duplicate_of(handle, ec).release());
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
