// What standard C++ cannot tell; one file per platform answers.
#pragma once

namespace example {

/// Whether standard error is a terminal, so that a line on it can be drawn over.
bool stderr_is_terminal();

}  // namespace example
