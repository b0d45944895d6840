// libuv: one loop, callbacks.

#include "framing.hpp"
#include "measurement.hpp"
#include "session.hpp"
#include "transport.hpp"

#include <uv.h>

#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using bench::expect;
using bench::Session;

void check(int result, const char* call) {
  if (result < 0) throw std::runtime_error(std::string(call) + ": " + uv_strerror(result));
}

class Connection {
 public:
  Connection() {
    check(uv_pipe_init(uv_default_loop(), &pipe_, 0), "uv_pipe_init");
    pipe_.data = connect_.data = this;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void connect(const std::string& address, std::function<void()> done) {
    on_done_ = std::move(done);
    uv_pipe_connect(&connect_, &pipe_, address.c_str(), [](uv_connect_t* request, int status) {
      check(status, "uv_pipe_connect");
      static_cast<Connection*>(request->data)->finish();
    });
  }

  /// Reads to where `room` says; `read` is told how much, and 0 at the end of the stream.
  void read(std::function<std::span<std::byte>()> room, std::function<void(std::size_t)> read) {
    room_ = std::move(room);
    on_read_ = std::move(read);
    const auto allocate = [](uv_handle_t* handle, std::size_t /*suggested*/, uv_buf_t* buffer) {
      *buffer = to_buffer(static_cast<Connection*>(handle->data)->room_());
    };
    const auto finish = [](uv_stream_t* stream, ssize_t n, const uv_buf_t* /*buffer*/) {
      if (n == 0) return;  // nothing was there
      if (n != UV_EOF) check(static_cast<int>(n), "read");
      static_cast<Connection*>(stream->data)->on_read_(n == UV_EOF ? 0 : static_cast<std::size_t>(n));
    };
    check(uv_read_start(stream(), allocate, finish), "uv_read_start");
  }

  /// The bytes stay where they are until it is done.
  void write(std::span<const std::byte> bytes, std::function<void()> done = {}) {
    // A request of its own: an answer may be read before the loop reports the write.
    auto* const write = new Write{.request = {}, .done = std::move(done)};
    write->request.data = write;
    const uv_buf_t buffer = to_buffer(bytes);
    const auto finish = [](uv_write_t* request, int status) {
      check(status, "uv_write");
      const std::unique_ptr<Write> finished(static_cast<Write*>(request->data));
      if (finished->done) finished->done();
    };
    check(uv_write(&write->request, stream(), &buffer, 1, finish), "uv_write");
  }

  void close(std::function<void()> done = {}) {
    on_done_ = std::move(done);
    uv_close(reinterpret_cast<uv_handle_t*>(&pipe_),
             [](uv_handle_t* handle) { static_cast<Connection*>(handle->data)->finish(); });
  }

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&pipe_); }

 private:
  static uv_buf_t to_buffer(std::span<const std::byte> bytes) {
    return uv_buf_init(reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data())),
                       static_cast<unsigned>(bytes.size()));
  }

  struct Write {
    uv_write_t request;
    std::function<void()> done;
  };

  void finish() {
    // Not where it is: it may destroy the connection.
    const auto done = std::move(on_done_);
    if (done) done();
  }

  uv_pipe_t pipe_;
  uv_connect_t connect_;
  std::function<void()> on_done_;
  std::function<std::span<std::byte>()> room_;
  std::function<void(std::size_t)> on_read_;
};

/// Reads `size` bytes again and again.
class Blocks {
 public:
  explicit Blocks(std::size_t size) : bytes_(size) {}

  void read(Connection& connection, std::function<void()> whole, std::function<void()> end) {
    connection.read([this] { return std::span(bytes_).subspan(filled_); },
                    [this, whole = std::move(whole), end = std::move(end)](std::size_t n) {
                      if (n == 0) return end();
                      filled_ += n;
                      if (filled_ < bytes_.size()) return;
                      filled_ = 0;
                      whole();
                    });
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  std::size_t filled_ = 0;
};

void run_loop() { uv_run(uv_default_loop(), UV_RUN_DEFAULT); }

/// Calls `serve` for each of so many clients, then stops listening.
void listen(const std::string& address, std::size_t clients, std::function<void(Connection&)> serve) {
  struct Server {
    Connection listener;
    std::list<Connection> connections;
    std::size_t left;
    std::function<void(Connection&)> serve;
  };
  Server server{.listener = {}, .connections = {}, .left = clients, .serve = std::move(serve)};
  uv_stream_t* const stream = server.listener.stream();
  check(uv_pipe_bind(reinterpret_cast<uv_pipe_t*>(stream), address.c_str()), "uv_pipe_bind");
  stream->data = &server;
  const auto accept = [](uv_stream_t* listener, int status) {
    check(status, "listen");
    Server& self = *static_cast<Server*>(listener->data);
    Connection& connection = self.connections.emplace_back();
    check(uv_accept(listener, connection.stream()), "uv_accept");
    if (--self.left == 0) uv_close(reinterpret_cast<uv_handle_t*>(listener), nullptr);
    self.serve(connection);
  };
  check(uv_listen(stream, SOMAXCONN, accept), "uv_listen");
  bench::say_ready();
  run_loop();
}

/// The echo of many: of each connection no more is kept than the loop needs.
class ManyEchoes {
 public:
  explicit ManyEchoes(std::size_t connections) : left_(connections) {
    check(uv_pipe_init(uv_default_loop(), &listener_, 0), "uv_pipe_init");
    listener_.data = this;
  }

  void run(const std::string& address) {
    check(uv_pipe_bind(&listener_, address.c_str()), "uv_pipe_bind");
    const auto accept = [](uv_stream_t* listener, int status) {
      check(status, "listen");
      of(listener).accept();
    };
    check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), SOMAXCONN, accept), "uv_listen");
    bench::say_ready();
    run_loop();
  }

 private:
  template <class Handle>
  static ManyEchoes& of(Handle* handle) {
    return *static_cast<ManyEchoes*>(handle->data);
  }

  void accept() {
    auto* const pipe = new uv_pipe_t;
    auto* const stream = reinterpret_cast<uv_stream_t*>(pipe);
    check(uv_pipe_init(uv_default_loop(), pipe, 0), "uv_pipe_init");
    pipe->data = this;
    check(uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), stream), "uv_accept");
    const auto allocate = [](uv_handle_t* handle, std::size_t /*suggested*/, uv_buf_t* buffer) {
      *buffer = uv_buf_init(reinterpret_cast<char*>(of(handle).buffer_->bytes.data()), bench::buffer_size);
    };
    const auto finish = [](uv_stream_t* from, ssize_t n, const uv_buf_t* buffer) {
      if (n != 0) of(from).answer(from, n, *buffer);
    };
    check(uv_read_start(stream, allocate, finish), "uv_read_start");
  }

  void answer(uv_stream_t* stream, ssize_t n, const uv_buf_t& buffer) {
    if (n != UV_EOF) {
      check(static_cast<int>(n), "read");
      const uv_buf_t bytes = uv_buf_init(buffer.base, static_cast<unsigned>(n));
      expect(uv_try_write(stream, &bytes, 1) == n, "the client does not read");
      return;
    }
    uv_close(reinterpret_cast<uv_handle_t*>(stream),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_pipe_t*>(handle); });
    if (--left_ == 0) uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
  }

  uv_pipe_t listener_;
  std::size_t left_;
  std::unique_ptr<bench::PageBuffer> buffer_ = std::make_unique<bench::PageBuffer>();
};

void serve_many(const Session& session) { ManyEchoes(session.connections).run(session.address); }

void serve_echoes(const Session& session, std::size_t clients) {
  std::list<Blocks> blocks;
  listen(session.address, clients, [&](Connection& connection) {
    Blocks& block = blocks.emplace_back(session.size);
    block.read(
        connection, [&] { connection.write(block.bytes()); }, [&] { connection.close(); });
  });
}

void serve_echo(const Session& session) { serve_echoes(session, 1); }
void serve_clients(const Session& session) { serve_echoes(session, bench::concurrent_clients); }

void drive_echo(const Session& session) {
  Connection connection;
  Blocks reply(session.size);
  const std::vector<std::byte> message(session.size);
  bench::RoundTrips trips(session.count);
  connection.connect(session.address, [&] {
    reply.read(
        connection,
        [&] {
          if (trips.lap()) return connection.write(message);
          connection.close();
        },
        [] { throw std::runtime_error("the server left"); });
    connection.write(message);
  });
  run_loop();
  trips.report();
}

void serve_stream(const Session& session) {
  std::vector<std::byte> buffer(session.size);
  std::size_t left = session.size * session.count;
  listen(session.address, 1, [&](Connection& connection) {
    connection.read([&] { return std::span(buffer); },
                    [&](std::size_t n) {
                      expect(n > 0 || left == 0, "the client left");
                      if (n == 0) return;
                      left -= n;
                      if (left == 0) connection.write(std::span(buffer).first(1), [&] { connection.close(); });
                    });
  });
}

/// Writes what `next` gives until that is nothing.
void write_each(Connection& connection, const std::function<std::span<const std::byte>()>& next) {
  const auto bytes = next();
  if (!bytes.empty()) connection.write(bytes, [&] { write_each(connection, next); });
}

/// Sends as write_each and stops the time when as many bytes as `answer` has have come back.
void drive_one_way(const Session& session, const std::function<std::span<const std::byte>()>& next, Blocks& answer) {
  Connection connection;
  connection.connect(session.address, [&] {
    answer.read(
        connection, [&] { connection.close(); }, [] { throw std::runtime_error("the server left"); });
    write_each(connection, next);
  });
  const bench::Stopwatch stopwatch;
  run_loop();
  stopwatch.report(session.count);
}

void drive_stream(const Session& session) {
  const std::vector<std::byte> bytes(session.size);
  std::size_t left = session.count;
  Blocks answer(1);
  drive_one_way(
      session, [&] { return std::span(bytes).first(left-- > 0 ? bytes.size() : 0); }, answer);
}

void serve_connect(const Session& session) {
  listen(session.address, session.count, [](Connection& connection) { connection.close(); });
}

void connect_each(const Session& session, std::size_t left) {
  if (left == 0) return;
  auto* const connection = new Connection;
  const auto next = [&session, connection, left] {
    delete connection;
    connect_each(session, left - 1);
  };
  connection->connect(session.address, [connection, next] {
    static std::array<std::byte, 1> buffer;
    connection->read([] { return std::span(buffer); }, [connection, next](std::size_t) { connection->close(next); });
  });
}

void drive_connect(const Session& session) {
  const bench::Stopwatch stopwatch;
  connect_each(session, session.count);
  run_loop();
  stopwatch.report(session.count);
}

void serve_messages(const Session& session) {
  bench::Unpacker unpacker;
  std::size_t left = session.count;
  std::array<std::byte, 2> answer{std::byte{1}};
  listen(session.address, 1, [&](Connection& connection) {
    connection.read([&] { return unpacker.room(); },
                    [&](std::size_t n) {
                      expect(n > 0 || left == 0, "the client left");
                      if (n == 0) return;
                      unpacker.filled(n);
                      unsigned sum = std::to_integer<unsigned>(answer[1]);
                      for (; const auto message = unpacker.next(); --left) {
                        sum += std::to_integer<unsigned>(message->front());
                      }
                      answer[1] = static_cast<std::byte>(sum);
                      if (left == 0) connection.write(answer, [&] { connection.close(); });
                    });
  });
}

void drive_messages(const Session& session) {
  const std::vector<std::byte> message(session.size, std::byte{1});
  bench::Packer packer;
  std::size_t left = session.count;
  const auto next = [&] {
    packer.clear();
    while (left > 0 && packer.add(message)) --left;
    return packer.pending();
  };
  Blocks answer(2);
  drive_one_way(session, next, answer);
  expect(answer.bytes()[1] == static_cast<std::byte>(session.count), "not every message arrived");
}

constexpr std::array workloads{
    bench::Workload{"echo", serve_echo, drive_echo},
    bench::Workload{"stream", serve_stream, drive_stream},
    bench::Workload{"connect", serve_connect, drive_connect},
    bench::Workload{"clients", serve_clients, nullptr},
    bench::Workload{"many", serve_many, nullptr},
    bench::Workload{"idle", serve_many, nullptr},
    bench::Workload{"messages", serve_messages, drive_messages},
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
