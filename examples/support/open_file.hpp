// A file as the system has it, which can be sent to another process; one file per platform does this.
#pragma once

#include <localsocket/owned_handle.hpp>

#include <cstddef>
#include <filesystem>
#include <span>

namespace example {

/// Opens a file for reading. Throws std::system_error.
localsocket::OwnedHandle open_to_read(const std::filesystem::path& file);

/// Reads as much as there is space for, if the file has it; 0 at its end. Throws std::system_error.
std::size_t read_some(const localsocket::OwnedHandle& file, std::span<std::byte> to);

}  // namespace example
