// Who is at the other end.
#pragma once

#include <localsocket/platform.hpp>

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace localsocket::inline LOCALSOCKET_ABI {

/// What a PeerIdentity rests on.
enum class PeerSource : unsigned char {
  connection,  ///< what the system keeps with the connection: whose the end was when it was opened
  process,     ///< the process that opened the end, as it is now: evidence, for its number may be another's by then
};

/// What the system vouches for about the process at the other end: who it was when it connected or began to listen.
///
/// A process id tells which process it was, not that it still is: after it has exited the number may be another's. To
/// decide what somebody may do, use the user.
///
///     if (!stream.peer().is_current_user()) stream.close();
struct PeerIdentity {
  /// Nothing where the system does not say (some BSDs).
  std::optional<std::uint64_t> process_id;
  /// Unix: the effective user and group.
  std::optional<std::uint32_t> user_id;
  std::optional<std::uint32_t> group_id;
  /// Windows: the user, as text (`S-1-5-21-…`).
  std::string sid;
  /// Windows: of a client that has connected anonymously, or some before anything has been read from them, the system
  /// says nothing but its process. If that may not be looked at either, it is errc::permission_denied; after the first
  /// read it may succeed.
  PeerSource source = PeerSource::connection;

  /// Whether it is the user that this process runs as.
  LOCALSOCKET_EXPORT bool is_current_user() const;

  /// `pid 4711, uid 1000, gid 1000` or `pid 4711, sid S-1-5-21-…`
  friend LOCALSOCKET_EXPORT std::ostream& operator<<(std::ostream& out, const PeerIdentity& peer);
  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
