#include "../terminal.hpp"

#include <unistd.h>

namespace example {

bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) != 0; }

}  // namespace example
