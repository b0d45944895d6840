// nng: messages through threads of the library's.

#include "message_workloads.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

void check(int error, const char* call) {
  if (error != 0) throw std::runtime_error(std::string(call) + ": " + nng_strerror(error));
}

class Socket {
 public:
  /// With `lingers`, what was sent last arrives.
  explicit Socket(bool lingers) : lingers_(lingers) { check(nng_pair0_open(&socket_), "nng_pair0_open"); }
  Socket(Socket&& other) noexcept
      : socket_(std::exchange(other.socket_, nng_socket NNG_SOCKET_INITIALIZER)), lingers_(other.lingers_) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (nng_socket_id(socket_) == -1) return;
    // Closing drops what is not sent yet, and nothing tells when it is: nng's manual says to wait a little.
    if (lingers_) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    nng_close(socket_);
  }

  nng_socket get() const noexcept { return socket_; }

 private:
  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  bool lingers_;
};

struct MessageFreer {
  void operator()(nng_msg* message) const noexcept { nng_msg_free(message); }
};

struct Nng {
  using Address = std::string;
  using Stream = Socket;

  class Channel {
   public:
    explicit Channel(Socket socket) : socket_(std::move(socket)) {}

    void send(std::span<const std::byte> message) {
      // nng_send takes what it only reads as not const.
      check(nng_send(socket_.get(), const_cast<std::byte*>(message.data()), message.size(), 0), "nng_send");
    }
    void flush() {}

    std::span<const std::byte> receive() {
      nng_msg* message = nullptr;
      check(nng_recvmsg(socket_.get(), &message, 0), "nng_recvmsg");
      received_.reset(message);
      return {static_cast<const std::byte*>(nng_msg_body(message)), nng_msg_len(message)};
    }

   private:
    Socket socket_;
    std::unique_ptr<nng_msg, MessageFreer> received_;
  };

  class Listener {
   public:
    explicit Listener(const std::string& path) {
      check(nng_listen(socket_.get(), ("ipc://" + path).c_str(), nullptr, 0), "nng_listen");
    }
    Socket accept() { return std::move(socket_); }

   private:
    Socket socket_{true};
  };

  static Socket connect(const std::string& path) {
    Socket socket(false);
    check(nng_dial(socket.get(), ("ipc://" + path).c_str(), nullptr, 0), "nng_dial");
    return socket;
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::message_workloads<Nng>); }
