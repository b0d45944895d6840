// Standard input and output as bytes, as they come: what standard C++ cannot do. One file per platform does.
#pragma once

#include <cstddef>
#include <span>

namespace tool {

/// Whether standard error is a terminal, so that a line on it can be drawn over.
bool stderr_is_terminal();

/// What standard input has, waiting for at least a byte; 0 at its end. Throws std::system_error.
std::size_t read_input(std::span<std::byte> to);

/// Writes all of it to standard output. Throws std::system_error.
void write_output(std::span<const std::byte> from);

}  // namespace tool
