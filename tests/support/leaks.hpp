// Descriptors and handles that a run leaves behind.
#pragma once

namespace localsocket::test {

/// From now on the run fails if it ends with more handles open than it began with, and names the tests after which
/// there were more.
void look_for_leaks();

}  // namespace localsocket::test
