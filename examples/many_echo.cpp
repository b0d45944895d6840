// Sends back whatever its clients send, to thousands of them on one thread:
//
//     many_echo <address>
//
// A client that does not read what it is sent is no burden: at most 64 KiB wait for it, and until it has read them
// nothing more is read from it. The program says when it listens, and stops at a line or the end of its standard input.

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::WaitSet;
using Ready = localsocket::WaitSet::Ready;

namespace {

using namespace std::chrono_literals;

/// One client, and the bytes that it has still to take.
class Client {
 public:
  explicit Client(LocalStream stream) : stream_(std::move(stream)) {}

  LocalStream& stream() { return stream_; }

  /// What to wait for: while it has not taken all, only for that it takes more.
  Ready interest() const { return unsent_.empty() ? Ready::readable : Ready::writable; }

  /// Does what can be done now; false if it has left.
  bool serve() {
    std::error_code ec;
    if (unsent_.empty()) {
      std::array<std::byte, 64 * 1024> buffer;
      const std::size_t size = stream_.read_some(buffer, 0s, ec);
      if (size == 0) return localsocket::is_temporary(ec);  // nothing there after all, or the end
      unsent_.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
    }
    const std::size_t written = stream_.write_some(unsent_, 0s, ec);
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(written));
    return !ec || localsocket::is_temporary(ec);
  }

 private:
  LocalStream stream_;
  std::vector<std::byte> unsent_;  // one buffer's worth at most
};

class EchoServer {
 public:
  EchoServer(LocalListener& listener, localsocket::Event& quit) : listener_(listener) {
    waiting_.add(quit_key, quit);
    waiting_.add(listener_key, listener_);
  }

  void run() {
    std::array<WaitSet::Report, 256> reports;
    for (;;) {
      const std::size_t count = waiting_.wait(reports);
      for (const WaitSet::Report& report : std::span(reports).first(count)) {
        if (report.key == quit_key) return;
        if (report.key == listener_key) {
          accept();
        } else {
          serve(report.key);
        }
      }
    }
  }

 private:
  static constexpr WaitSet::Key quit_key = 0;
  static constexpr WaitSet::Key listener_key = 1;

  void accept() {
    std::error_code ec;  // there is no descriptor, or the client has left: the set tells when there is something again
    LocalStream stream = listener_.accept(0s, ec);
    if (ec) return;
    const WaitSet::Key key = next_key_++;
    Client& client = clients_.emplace(key, std::move(stream)).first->second;
    waiting_.add(key, client.stream(), ec);
    if (ec) clients_.erase(key);
  }

  void serve(WaitSet::Key key) {
    Client& client = clients_.at(key);
    const Ready before = client.interest();
    std::error_code ec;
    const bool stays = client.serve();
    if (stays && client.interest() != before) waiting_.change(key, client.interest(), ec);
    if (stays && !ec) return;
    waiting_.remove(key);
    clients_.erase(key);
  }

  LocalListener& listener_;
  WaitSet waiting_;
  std::unordered_map<WaitSet::Key, Client> clients_;
  WaitSet::Key next_key_ = 2;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: many_echo <address>\n";
    return 2;
  }
  try {
    LocalListener listener = LocalListener::bind(argv[1]);
    localsocket::Event quit;
    EchoServer server(listener, quit);
    std::cout << "listening on " << listener.local_address().native() << std::endl;
    std::thread input([&] {
      std::string line;
      std::getline(std::cin, line);
      quit.set();
    });
    server.run();
    input.join();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "many_echo: " << error.what() << '\n';
    return 1;
  }
}
