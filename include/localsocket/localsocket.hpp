// All of the portable API.
#pragma once

#include <localsocket/address.hpp>         // IWYU pragma: export
#include <localsocket/buffers.hpp>         // IWYU pragma: export
#include <localsocket/child_output.hpp>    // IWYU pragma: export
#include <localsocket/error.hpp>           // IWYU pragma: export
#include <localsocket/halves.hpp>          // IWYU pragma: export
#include <localsocket/iostream.hpp>        // IWYU pragma: export
#include <localsocket/lent_buffers.hpp>    // IWYU pragma: export
#include <localsocket/listener.hpp>        // IWYU pragma: export
#include <localsocket/message_batch.hpp>   // IWYU pragma: export
#include <localsocket/message_stream.hpp>  // IWYU pragma: export
#include <localsocket/options.hpp>         // IWYU pragma: export
#include <localsocket/owned_handle.hpp>    // IWYU pragma: export
#include <localsocket/peer.hpp>            // IWYU pragma: export
#include <localsocket/platform.hpp>        // IWYU pragma: export
#include <localsocket/probe.hpp>           // IWYU pragma: export
#include <localsocket/shared_memory.hpp>   // IWYU pragma: export
#include <localsocket/start.hpp>           // IWYU pragma: export
#include <localsocket/stop_token.hpp>      // IWYU pragma: export
#include <localsocket/stream.hpp>          // IWYU pragma: export
#include <localsocket/trace.hpp>           // IWYU pragma: export
#include <localsocket/wait.hpp>            // IWYU pragma: export
#include <localsocket/wait_set.hpp>        // IWYU pragma: export
