// What the scripts of tests/race ask for.
#pragma once

#include <cstdlib>

namespace localsocket::test {

/// The number in that variable of the environment, or what suits the suite.
inline int number_from(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::atoi(text) : otherwise;
}

}  // namespace localsocket::test
