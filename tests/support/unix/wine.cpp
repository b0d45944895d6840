#include "support/wine.hpp"

namespace localsocket::test {

bool running_under_wine() { return false; }

int wine_version() { return 0; }

}  // namespace localsocket::test
