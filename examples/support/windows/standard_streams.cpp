#include "../standard_streams.hpp"

#include <fcntl.h>
#include <io.h>
#include <stdio.h>

namespace example {

// Also true for NUL, where a progress line does no harm.
bool stderr_is_terminal() { return ::_isatty(::_fileno(stderr)) != 0; }

void use_binary_standard_streams() {
  ::_setmode(::_fileno(stdin), _O_BINARY);
  ::_setmode(::_fileno(stdout), _O_BINARY);
}

}  // namespace example
