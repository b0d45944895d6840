// What only a Unix listener can be asked for.
#pragma once

#include <localsocket/platform.hpp>

#include <optional>

namespace localsocket::posix {

///     LocalListener::bind("/run/app.sock", {.extras = posix::ListenExtras{.mode = 0660}});
struct LOCALSOCKET_EXPORT ListenExtras {
  /// The permission bits of the socket file, instead of those of Access. The umask does not count.
  std::optional<unsigned> mode;
};

}  // namespace localsocket::posix
