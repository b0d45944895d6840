#include <localsocket/localsocket.hpp>

int main() {
  auto [ours, theirs] = localsocket::LocalStream::pair();
  ours.write_all("hello");
  std::byte hello[5];
  return theirs.read_exact(hello) == sizeof hello ? 0 : 1;
}
