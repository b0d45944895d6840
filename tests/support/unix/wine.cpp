#include "support/wine.hpp"

namespace localsocket::test {

bool running_under_wine() { return false; }

}  // namespace localsocket::test
