// Sends back whatever its clients send, to any number of them at once:
//
//     echo_server <address>
//
// It says when it listens, and stops at a line or the end of its standard input: press Enter, or in a script
//
//     (sleep 10) | echo_server echo.example &
//
// Clients that are connected then see the end of the stream.

#include <localsocket/localsocket.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <list>
#include <span>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

using localsocket::LocalListener;
using localsocket::LocalStream;

namespace {

/// One client's thread. Destroying it asks the thread to stop, which ends the call that it waits in, and joins it.
class Client {
 public:
  explicit Client(LocalStream stream)
      : stream_(std::move(stream)), thread_([this](const std::stop_token& stop) { echo(stop); }) {}

  bool is_gone() const { return gone_; }

 private:
  void echo(const std::stop_token& stop) {
    std::array<std::byte, 16 * 1024> buffer;
    std::error_code ec;
    // 0: the client has closed, or there is an error.
    while (const std::size_t n = stream_.read_some(buffer, stop, ec)) {
      stream_.write_all(std::span(buffer).first(n), stop, ec);
      if (ec) break;
    }
    stream_.close();
    gone_ = true;
  }

  LocalStream stream_;
  std::atomic<bool> gone_ = false;
  std::jthread thread_;
};

void serve(LocalListener& listener) {
  std::list<Client> clients;
  for (;;) {
    try {
      for (LocalStream stream : listener.incoming()) {
        clients.remove_if([](const Client& client) { return client.is_gone(); });
        clients.emplace_back(std::move(stream));
      }
      return;
    } catch (const std::system_error& error) {
      // Too many clients for the descriptors or threads that the system gives: the server goes on with those it has.
      std::cerr << "echo_server: " << error.what() << '\n';
      clients.remove_if([](const Client& client) { return client.is_gone(); });
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: echo_server <address>\n";
    return 2;
  }
  try {
    LocalListener listener = LocalListener::bind(argv[1]);
    std::cout << "listening on " << listener.local_address().native() << std::endl;

    const std::jthread server([&listener] { serve(listener); });
    std::string line;
    std::getline(std::cin, line);
    listener.close();  // ends the loop in serve()
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "echo_server: " << error.what() << '\n';
    return 1;
  }
}
