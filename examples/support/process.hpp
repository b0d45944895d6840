// The one thing about processes that standard C++ cannot do: start one with a standard output of our choice.
#pragma once

#include <localsocket/child_output.hpp>

#include <string>
#include <vector>

namespace example {

/// Starts a command whose standard output is `output`, gives this process's copy up, and waits for the command to end.
/// Returns its exit code; throws std::system_error if it could not be started.
int run_with_output(const std::vector<std::string>& command, localsocket::ChildOutput output);

}  // namespace example
