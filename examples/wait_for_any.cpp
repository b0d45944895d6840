// One thread that waits for whatever comes first: a client, what it says, its exit, or a line of standard input.
//
//     wait_for_any <address>
//
// It serves one client after the other, prints what each of them sends and when it exits, and stops at a line or the
// end of its standard input.

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

using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::PeerProcess;
using localsocket::WaitSet;

namespace {

using namespace std::chrono_literals;

enum Key : WaitSet::Key { quit_key, listener_key, stream_key, process_key };

class Server {
 public:
  Server(LocalListener& listener, localsocket::Event& quit) : listener_(listener) {
    waiting_.add(quit_key, quit);
    waiting_.add(listener_key, listener_);
  }

  void run() {
    std::array<WaitSet::Report, 4> reports;
    for (;;) {
      const std::size_t count = waiting_.wait(reports);
      for (const WaitSet::Report& report : std::span(reports).first(count)) {
        if (report.key == quit_key) return;
        if (report.key == listener_key) greet();
        if (report.key == stream_key) listen();
        if (report.key == process_key) part();
      }
    }
  }

 private:
  // While there is a client, others wait.
  void greet() {
    std::error_code ec;
    client_ = listener_.accept(0s, ec);
    if (ec) return;
    waiting_.change(listener_key, WaitSet::Ready{});
    process_ = client_.peer_process();
    waiting_.add(stream_key, client_);
    waiting_.add(process_key, process_);
    std::cout << "process " << process_.process_id() << " has come" << std::endl;
  }

  void listen() {
    std::array<char, 1024> buffer;
    std::error_code ec;
    const std::size_t size = client_.read_some(std::as_writable_bytes(std::span(buffer)), 0s, ec);
    if (size != 0) {
      std::cout << std::string(buffer.data(), size) << std::flush;
    } else if (!localsocket::is_temporary(ec)) {
      waiting_.remove(stream_key);  // it has said all; its exit is still to come
    }
  }

  void part() {
    listen();  // the last words
    waiting_.remove(stream_key);
    waiting_.remove(process_key);
    client_.close();
    std::cout << "it has exited" << std::endl;
    waiting_.change(listener_key, WaitSet::Ready::acceptable);
  }

  LocalListener& listener_;
  WaitSet waiting_;
  LocalStream client_;
  PeerProcess process_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: wait_for_any <address>\n";
    return 2;
  }
  try {
    LocalListener listener = LocalListener::bind(argv[1]);
    localsocket::Event quit;
    Server server(listener, quit);
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
    std::cerr << "wait_for_any: " << error.what() << '\n';
    return 1;
  }
}
