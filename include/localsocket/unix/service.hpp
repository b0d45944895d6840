// Sockets that a service manager has made: systemd (sd_listen_fds(3)), inetd, launchd.
#pragma once

#include <localsocket/platform.hpp>

#include <string>
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
/// One of them.
struct InheritedListener {
  NativeHandle handle = invalid_handle;
  std::string name;  ///< FileDescriptorName= of the socket unit; "unknown" if nobody said it
};

/// The same, with their names (LISTEN_FDNAMES). Instead of inherited_listeners(): either takes all of them.
///
///     for (auto& [handle, name] : posix::inherited_listeners_with_names())
///       if (name == "control") control = LocalListener::adopt(handle, "/run/app-control.sock");
LOCALSOCKET_EXPORT std::vector<InheritedListener> inherited_listeners_with_names(std::error_code& ec);

/// The socket that inetd has made this process's standard input: for LocalListener::adopt if inetd waits, for
/// LocalStream::adopt if it has accepted the client itself; invalid_handle if descriptor 0 is no stream socket of the
/// Unix family. It is another descriptor, close-on-exec, and the standard streams that were that socket lead nowhere
/// from then on: nothing that a library prints goes to the client. Call it once, before there are threads.
LOCALSOCKET_EXPORT NativeHandle inetd_socket(std::error_code& ec);

/// The listening sockets of that name in the `Sockets` of this job's property list (launch_activate_socket(3)), for
/// LocalListener::adopt. Errors: no_such_file_or_directory (there is no such name, or launchd does not run this
/// process), operation_not_supported (this is not macOS).
LOCALSOCKET_EXPORT std::vector<NativeHandle> launchd_listeners(const std::string& name, std::error_code& ec);

#if LOCALSOCKET_HAS_EXCEPTIONS
// The same calls, which throw std::system_error for the error.
LOCALSOCKET_EXPORT std::vector<InheritedListener> inherited_listeners_with_names();
LOCALSOCKET_EXPORT NativeHandle inetd_socket();
LOCALSOCKET_EXPORT std::vector<NativeHandle> launchd_listeners(const std::string& name);
LOCALSOCKET_EXPORT std::vector<NativeHandle> inherited_listeners();
#endif

}  // namespace localsocket::inline LOCALSOCKET_ABI::posix
