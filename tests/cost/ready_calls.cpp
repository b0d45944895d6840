// Makes so many writes of 64 bytes, each with the read that takes them: what tests/cost/instructions.sh counts.
#include <localsocket/localsocket.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto [writer, reader] = localsocket::LocalStream::pair();
  std::array<std::byte, 64> bytes{};
  for (int left = std::atoi(argv[1]); left > 0; --left) {
    writer.write_all(bytes);
    reader.read_some(bytes);
  }
}
