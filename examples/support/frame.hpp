// What frame_producer and frame_consumer agree on: the size of a frame, and how its pixels lie.
#pragma once

#include <chrono>
#include <cstddef>

namespace example {

inline constexpr std::chrono::seconds patience{30};

// From the top, each row from the left; a pixel is red, green and blue, a byte each.
inline constexpr std::size_t width = 1280;
inline constexpr std::size_t height = 720;
inline constexpr std::size_t colours = 3;
inline constexpr std::size_t frame_size = width * height * colours;

}  // namespace example
