// A server and its client without exceptions and RTTI: what must compile and run so.
#include <localsocket/localsocket.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

using namespace localsocket;
using namespace std::chrono_literals;

namespace {

void expect(bool ok, const char* what, const std::error_code& ec = {}) {
  if (ok) return;
  std::cerr << what << ": " << ec.message() << '\n';
  std::_Exit(1);
}

void serve(LocalListener& listener) {
  std::error_code ec;
  LocalStream client = listener.accept(20s, ec);
  expect(!ec, "accept", ec);
  char buffer[64];
  while (const std::size_t count = client.read_some(buffer, 20s, ec)) client.write_all({buffer, count}, 20s, ec);
  expect(!ec, "echo", ec);
}

}  // namespace

int main() {
  std::error_code ec;
  LocalListener listener = LocalListener::bind(LocalAddress::unique("no-exceptions", ec), ec);
  expect(!ec, "bind", ec);
  std::thread server([&] { serve(listener); });
  LocalStream stream = LocalStream::connect(listener.local_address(), ec);
  expect(!ec, "connect", ec);
  stream.write_all("hello", 20s, ec);
  char reply[5];
  stream.read_exact(reply, 20s, ec);
  expect(!ec && std::string(reply, sizeof reply) == "hello", "reply", ec);
  LocalStream::connect(LocalAddress(), 0s, ec);
  expect(ec == Errc::invalid_address, "an address that cannot be connected to", ec);
  stream.close();
  server.join();
  return 0;
}
