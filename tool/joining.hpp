// Carries bytes, and the end of each direction, between a connection and the standard streams or another connection.
#pragma once

#include <localsocket/localsocket.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <system_error>

namespace tool {

/// Which way bytes go: from the client to the server, or back. Of the standard streams, input goes the first way.
enum class Way { there, back };

/// Sees all bytes, before they are passed on, on the threads that carry them: one for each way.
using Observer = std::function<void(Way, std::span<const std::byte>)>;

/// Joins standard input and output to the connection. Returns when both directions have ended, or when the peer is gone
/// and nothing is on its way to it: standard input may still be waited for then, so the process is to be ended by
/// std::_Exit. The end of the input is passed on; where the connection cannot end one direction alone, `close_at_end`
/// closes it, and else the peer's end is waited for. Throws std::system_error.
void join_standard_streams(localsocket::LocalStream stream, bool close_at_end, const Observer& observer);

/// Joins two connections until both directions have ended. Returns what has broken one of them, if anything.
std::error_code join(localsocket::LocalStream& client, localsocket::LocalStream& server, const Observer& observer);

}  // namespace tool
