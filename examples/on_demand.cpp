// A daemon that its clients start when there is none, and that ends when nobody has needed it for a while. It counts
// words, over all clients:
//
//     on_demand <address> <seconds> <word>...       prints how often each has been counted by now
//     on_demand --serve <address> <seconds>         what the client starts, to stay for so long after the last client
//
// Any number of clients may come at once: one of them starts the daemon, and all of them talk to it.

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

using namespace std::chrono_literals;

using Counts = std::map<std::string, unsigned>;

// A client that breaks off, or says nothing, ends nothing but its own connection.
void answer(LocalStream stream, Counts& counts) {
  MessageStream messages(std::move(stream), {.max_size = 4096});
  std::string word;
  std::error_code ec;
  while (messages.receive(word, 5s, ec)) {
    messages.send(std::to_string(++counts[word]), 5s, ec);
    if (ec) break;
  }
}

int serve(const char* address, std::chrono::seconds idle) {
  auto role = localsocket::bind_or_connect(address);
  auto* const listener = std::get_if<LocalListener>(&role);
  if (listener == nullptr) return 0;  // somebody else serves by now
  Counts counts;
  // Without its address nobody would come any more.
  while (listener->still_owns_address()) {
    std::error_code ec;
    LocalStream stream = listener->accept(idle, ec);
    if (ec == std::errc::timed_out) break;
    if (!ec) answer(std::move(stream), counts);
  }
  return 0;
}

void count(const std::string& program, const std::string& address, const std::string& idle, const std::string& word) {
  const localsocket::DetachedProcess server{{program, "--serve", address, idle}};
  for (bool is_last_attempt : {false, true}) {
    MessageStream messages(localsocket::connect_or_start(address, server));
    std::error_code ec;
    std::string reply;
    messages.send(word, 5s, ec);
    if (!ec && messages.receive(reply, 5s, ec)) {
      std::cout << word << ' ' << reply << '\n';
      return;
    }
    // The daemon was about to end as we came. The next one stays for a while.
    if (is_last_attempt) throw std::runtime_error("the daemon does not answer");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_server = argc == 4 && std::string(argv[1]) == "--serve";
  if (argc < 4) {
    std::cerr << "usage: on_demand <address> <seconds> <word>...\n";
    return 2;
  }
  try {
    if (is_server) return serve(argv[2], std::chrono::seconds(std::atoi(argv[3])));
    for (int i = 3; i < argc; ++i) count(argv[0], argv[1], argv[2], argv[i]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "on_demand: " << error.what() << '\n';
    return 1;
  }
}
