// ZeroMQ: messages through a thread of the library's, which batches them.

#include "message_workloads.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <zmq.h>

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

template <class Result>
Result check(Result result, const char* call) {
  if (result == Result(-1)) throw std::runtime_error(std::string(call) + ": " + zmq_strerror(zmq_errno()));
  return result;
}

struct Terminator {
  void operator()(void* context) const noexcept { zmq_ctx_term(context); }
};
struct Closer {
  void operator()(void* socket) const noexcept { zmq_close(socket); }
};

class Socket {
 public:
  void bind(const std::string& path) { check(zmq_bind(get(), ("ipc://" + path).c_str()), "zmq_bind"); }
  void connect(const std::string& path) { check(zmq_connect(get(), ("ipc://" + path).c_str()), "zmq_connect"); }
  void* get() const noexcept { return socket_.get(); }

 private:
  // Ending the context, which comes last, waits until everything is sent.
  std::unique_ptr<void, Terminator> context_{zmq_ctx_new()};
  std::unique_ptr<void, Closer> socket_{zmq_socket(context_.get(), ZMQ_PAIR)};
};

class Message {
 public:
  Message() noexcept { zmq_msg_init(&message_); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { zmq_msg_close(&message_); }

  std::span<const std::byte> receive(void* socket) {
    check(zmq_msg_recv(&message_, socket, 0), "zmq_msg_recv");
    return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  zmq_msg_t message_;
};

struct ZeroMq {
  using Address = std::string;
  using Stream = Socket;

  class Channel {
   public:
    explicit Channel(Socket socket) : socket_(std::move(socket)) {}

    void send(std::span<const std::byte> message) {
      check(zmq_send(socket_.get(), message.data(), message.size(), 0), "zmq_send");
    }
    void flush() {}
    std::span<const std::byte> receive() { return received_.receive(socket_.get()); }

   private:
    Socket socket_;
    Message received_;
  };

  class Listener {
   public:
    explicit Listener(const std::string& path) { socket_.bind(path); }
    Socket accept() { return std::move(socket_); }

   private:
    Socket socket_;
  };

  static Socket connect(const std::string& path) {
    Socket socket;
    socket.connect(path);
    return socket;
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::message_workloads<ZeroMq>); }
