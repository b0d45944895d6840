#include "../standard_streams.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <system_error>

namespace tool {

bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) != 0; }

std::size_t read_input(std::span<std::byte> to) {
  ssize_t count = 0;
  do count = ::read(STDIN_FILENO, to.data(), to.size());
  while (count < 0 && errno == EINTR);
  if (count < 0) throw std::system_error(errno, std::generic_category(), "standard input");
  return static_cast<std::size_t>(count);
}

void write_output(std::span<const std::byte> from) {
  while (!from.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, from.data(), from.size());
    if (count >= 0) {
      from = from.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "standard output");
    }
  }
}

}  // namespace tool
