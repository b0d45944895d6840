// A thread for each client, until the listener is closed: what the example servers share.
#pragma once

#include <localsocket/localsocket.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <iostream>
#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace example {

/// Talks to one client. Destroying it asks the thread to stop, which ends the call that it waits in, and joins it.
class ClientThread {
 public:
  using Body = std::function<void(localsocket::LocalStream stream, const localsocket::stop_token& stop)>;

  ClientThread(const Body& body, localsocket::LocalStream stream)
      : thread_([this, body, stream = std::move(stream)]() mutable {
          run(body, std::move(stream));
          is_done_ = true;
        }) {}
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;
  ~ClientThread() {
    stop_.request_stop();
    thread_.join();
  }

  bool is_done() const { return is_done_; }

 private:
  void run(const Body& body, localsocket::LocalStream stream) try {
    body(std::move(stream), stop_.get_token());
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::operation_canceled) std::cerr << error.what() << '\n';
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
  }

  std::atomic<bool> is_done_ = false;
  localsocket::stop_source stop_;
  std::thread thread_;
};

/// Runs `body` for each client, many at once, until a line or the end of standard input. What `body` throws
/// is printed, unless it was asked to stop.
inline void serve_until_line(const char* address, const ClientThread::Body& body) {
  localsocket::LocalListener listener = localsocket::LocalListener::bind(address);
  std::cout << "listening on " << listener.local_address().native() << std::endl;
  std::list<ClientThread> clients;
  // Its destructor waits for the end of the loop.
  const std::future<void> accepting = std::async(std::launch::async, [&] {
    while (listener.is_open()) {
      try {
        for (localsocket::LocalStream stream : listener.incoming()) {
          clients.remove_if([](const ClientThread& client) { return client.is_done(); });
          clients.emplace_back(body, std::move(stream));
        }
      } catch (const std::system_error& error) {
        // Out of descriptors or threads, for example: the server goes on with the clients that it has.
        std::cerr << error.what() << '\n';
        clients.remove_if([](const ClientThread& client) { return client.is_done(); });
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  });
  std::string line;
  std::getline(std::cin, line);
  listener.close();
}

}  // namespace example
