// What standard C++ cannot do with the standard streams; one file per platform does.
#pragma once

namespace example {

/// Whether standard error is a terminal, so that a line on it can be drawn over.
bool stderr_is_terminal();

/// From now on standard input and output carry bytes as they are: Windows would translate the ends of lines.
void use_binary_standard_streams();

}  // namespace example
