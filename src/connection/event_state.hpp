// What is behind an Event.
#pragma once

#include "core/gate.hpp"

#include <atomic>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

struct EventState {
  Gate gate;  // whose observers are told when it is set
  std::atomic<bool> is_set{false};
};

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
