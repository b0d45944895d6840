// Being asked to end: Ctrl-C, a closed terminal, kill.
#pragma once

#include <localsocket/localsocket.hpp>

#include <memory>

namespace tool {

/// From now on the process closes that listener before it dies by a signal, so that its address is free for any
/// program. On Windows a pipe's name goes with its process. To be called before other threads are started, and once.
void close_when_asked_to_end(std::shared_ptr<localsocket::LocalListener> listener);

/// Does not return where that has begun: what the closed listener made of a call is no news, and the signal is to come.
void wait_if_asked_to_end();

}  // namespace tool
