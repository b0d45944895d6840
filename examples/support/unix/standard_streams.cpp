#include "../standard_streams.hpp"

#include <unistd.h>

namespace example {

bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) != 0; }

void use_binary_standard_streams() {}

}  // namespace example
