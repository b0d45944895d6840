// A daemon: the program returns when clients can connect, and goes on serving in the background.
//
//   daemon ADDRESS
//
// Each client is told the daemon's process id, and one that writes "stop" ends the daemon.
#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

// The terminal, and whoever waits for the output of this program, are not kept.
void leave_the_terminal() {
  ::setsid();
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
}

bool is_to_stop(localsocket::LocalStream& client) {
  std::array<char, 4> word{};
  std::error_code ec;  // a client that says nothing, or leaves, ends nothing
  const std::size_t size = client.read_exact(std::as_writable_bytes(std::span(word)), 5s, ec);
  return std::string_view(word.data(), size) == "stop";
}

void serve(localsocket::LocalListener& listener) {
  for (localsocket::LocalStream client : listener.incoming()) {
    std::error_code ec;
    client.write_all(std::to_string(::getpid()) + "\n", 5s, ec);
    if (is_to_stop(client)) listener.close();  // before the client sees its end
  }
}

int run(const char* address) {
  localsocket::LocalListener listener = localsocket::LocalListener::bind(address);
  const pid_t child = ::fork();
  if (child == -1) return 1;
  if (child != 0) {
    // The listener here is the one that was bound: its end would take the address away. The child's is a copy, and its
    // end leaves the address to the next bind.
    static_cast<void>(listener.release());
    return 0;
  }
  leave_the_terminal();
  serve(listener);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: daemon ADDRESS\n");
    return 2;
  }
  try {
    return run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "daemon: %s\n", error.what());
    return 1;
  }
}
