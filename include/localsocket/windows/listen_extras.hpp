// What only a Windows listener can be asked for.
#pragma once

#include <localsocket/platform.hpp>

#include <string>

namespace localsocket::windows {

///     LocalListener::bind("app", {.extras = windows::ListenExtras{.half_close = true}});
///     LocalListener::bind("app", {.extras = windows::ListenExtras{.sddl = "D:P(A;;FA;;;BA)"}});
struct LOCALSOCKET_EXPORT ListenExtras {
  /// Lets both ends shut down writing: a message-type pipe that is read as bytes, and an empty message is the end of
  /// the stream, as go-winio's CloseWrite has it. A client needs no option. An empty message of a foreign writer is the
  /// end, too.
  bool half_close = false;
  /// The security descriptor in its string form, in UTF-8, instead of that of Access. bind gives invalid_argument for
  /// one that does not parse.
  std::string sddl;
};

}  // namespace localsocket::windows
