// Listening sockets that a service manager has made (sd_listen_fds(3): LISTEN_FDS and LISTEN_PID).
#pragma once

#include <localsocket/platform.hpp>

#include <system_error>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::posix {

/// The listening Unix domain sockets among the descriptors that were passed to this process, for LocalListener::adopt;
/// none if none were passed, or not to this process. All that were passed are made close-on-exec; those of other kinds
/// are left alone otherwise. The variables are removed, so that no child takes them for its own: call it once, before
/// there are threads. Errors: invalid_argument (LISTEN_FDS is no number).
///
///     for (auto handle : posix::inherited_listeners()) serve(LocalListener::adopt(handle, "/run/app.sock"));
LOCALSOCKET_EXPORT std::vector<NativeHandle> inherited_listeners(std::error_code& ec);
#if LOCALSOCKET_HAS_EXCEPTIONS
LOCALSOCKET_EXPORT std::vector<NativeHandle> inherited_listeners();
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
