// The process at the other end of a pipe.
#pragma once

#include "pipe.hpp"
#include "system.hpp"

#include <localsocket/peer.hpp>

#include <optional>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {

/// The number of the process that opened the other end of a pipe with that info.
DWORD process_id_of_peer(HANDLE pipe, const std::optional<PipeInfo>& info, std::error_code& ec) noexcept;

ProcessOfPeer process_of_peer(HANDLE pipe, std::error_code& ec) noexcept;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
