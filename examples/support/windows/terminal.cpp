#include "../terminal.hpp"

#include <io.h>
#include <stdio.h>

namespace example {

// Also true for NUL, where a progress line does no harm.
bool stderr_is_terminal() { return ::_isatty(::_fileno(stderr)) != 0; }

}  // namespace example
