// The wait for a listener, the same for every kind of connection.
#pragma once

#include <localsocket/address.hpp>
#include <localsocket/options.hpp>
#include <localsocket/wait.hpp>

#include <functional>
#include <system_error>

namespace localsocket::detail {

/// Calls `attempt`, which reports through `ec`, until it succeeds or fails for good, or the Wait ends; once at least.
void connect_within(const Wait& wait, const LocalAddress& address, const ConnectOptions& options, std::error_code& ec,
                    const std::function<void()>& attempt);

}  // namespace localsocket::detail
