// Connections in Asio's event loop (asio.hpp).

#include <localsocket/asio.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>

#include <memory>
#include <optional>

#include "support/listening.hpp"
#include "support/median_time.hpp"

namespace localsocket::test {
namespace {

/// Sends everything back, until the peer closes.
class Echo : public std::enable_shared_from_this<Echo> {
 public:
  explicit Echo(AsioStream stream) : stream_(std::move(stream)) {}

  void run() {
    stream_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](std::error_code ec, std::size_t size) {
      if (ec) {
        EXPECT_TRUE(is_end_of_stream(ec)) << ec.message();
      } else {
        self->send(size);
      }
    });
  }

 private:
  void send(std::size_t size) {
    asio::async_write(stream_, asio::buffer(buffer_, size),
                      [self = shared_from_this()](std::error_code ec, std::size_t /*size*/) {
                        EXPECT_CODE(ec, success);
                        if (!ec) self->run();
                      });
  }

  AsioStream stream_;
  Bytes buffer_ = Bytes(64_KiB);
};

/// Until the listener is closed.
void serve(AsioListener& listener) {
  listener.async_accept([&listener](std::error_code ec, AsioStream stream) {
    if (ec) {
      EXPECT_CODE(ec, Errc::closed);
      return;
    }
    std::make_shared<Echo>(std::move(stream))->run();
    serve(listener);
  });
}

/// What an async_accept completed with.
struct AsyncArrival {
  std::optional<std::error_code> ec;  // none: not yet
  std::optional<AsioStream> stream;
};

auto arrives_in(AsyncArrival& arrival) {
  return [&arrival](std::error_code ec, AsioStream stream) {
    arrival.ec = ec;
    arrival.stream.emplace(std::move(stream));
  };
}

class AsioTest : public ::testing::Test {
 protected:
  LocalStream connect() { return LocalStream::connect(listener->local_address(), 20s); }

  asio::io_context loop;
  std::unique_ptr<AsioListener> listener = std::make_unique<AsioListener>(loop.get_executor(), listening());
};

TEST_F(AsioTest, OneThreadServesManyClients) {
  serve(*listener);
  auto serving = run_async([&] { loop.run(); });
  std::vector<LocalStream> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(connect());
  for (LocalStream& client : clients) client.write_all("ping");
  for (LocalStream& client : clients) EXPECT_EQ(read_text(client, 4), "ping");
  clients.clear();
  listener->close();
  serving.result();  // the last client and the listener gone, the loop is out of work
}

TEST_F(AsioTest, MegabytesComeBackAsTheyWere) {
  serve(*listener);
  auto serving = run_async([&] { loop.run(); });
  LocalStream client = connect();
  const Bytes sent = ByteSequence().take(4_MiB);
  auto writing = run_async([&] { return client.write_all(sent); });
  Bytes received(sent.size());
  client.read_exact(received);
  EXPECT_EQ(writing.result(), sent.size());
  EXPECT_TRUE(received == sent);
  client.close();
  listener->close();
  serving.result();
}

TEST_F(AsioTest, AClientsEndCanBeInTheLoopToo) {
  LocalListener blocking = listening();
  AsioStream client = to_asio(LocalStream::connect(blocking.local_address()), loop.get_executor());
  LocalStream server = blocking.accept();
  server.write_all("ping");
  std::string received(4, '\0');
  auto reading = asio::async_read(client, asio::buffer(received), asio::use_future);
  loop.run();
  EXPECT_EQ(reading.get(), 4U);
  EXPECT_EQ(received, "ping");
}

TEST_F(AsioTest, WhatHadArrivedBeforeIsRead) {
  Ends ends = connected_ends();
  ends.server.write_all("early");
  ends.server.close();
  AsioStream client = to_asio(std::move(ends.client), loop.get_executor());
  std::string received(8, '\0');
  std::error_code ec;
  std::size_t size = 0;
  asio::async_read(client, asio::buffer(received), [&](const std::error_code& why, std::size_t count) {
    ec = why;
    size = count;
  });
  loop.run();
  EXPECT_EQ(received.substr(0, size), "early");
  EXPECT_TRUE(is_end_of_stream(ec)) << ec.message();
}

TEST_F(AsioTest, APeerThatLeavesBytesUnreadIsTheEndToo) {
  Ends ends = connected_ends();
  ends.client.write_all("unread");
  ends.server.close();
  AsioStream client = to_asio(std::move(ends.client), loop.get_executor());
  Bytes byte(1);
  auto reading = client.async_read_some(asio::buffer(byte), asio::use_future);
  loop.run();
  EXPECT_TRUE(is_end_of_stream(thrown_code([&] { reading.get(); })));
}

TEST_F(AsioTest, AStreamThatIsClosedIsRefused) {
  std::error_code ec;
  EXPECT_FALSE(to_asio(LocalStream(), loop.get_executor(), ec).is_open());
  EXPECT_CODE(ec, std::errc::bad_file_descriptor);
  EXPECT_THROWS_CODE(to_asio(LocalStream(), loop.get_executor()), std::errc::bad_file_descriptor);
}

TEST_F(AsioTest, AnAcceptThatWaitsIsWorkForTheLoop) {
  AsyncArrival arrival;
  listener->async_accept(arrives_in(arrival));
  EXPECT_EQ(loop.poll(), 0U);
  EXPECT_FALSE(loop.stopped());
  const LocalStream client = connect();
  loop.run();
  EXPECT_CODE(arrival.ec.value(), success);
  EXPECT_TRUE(arrival.stream->is_open());
}

TEST_F(AsioTest, SeveralAcceptsAreServedInTurn) {
  AsyncArrival arrivals[3];
  for (AsyncArrival& arrival : arrivals) listener->async_accept(arrives_in(arrival));
  std::vector<LocalStream> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  loop.run();
  for (int i = 0; i < 3; ++i) {
    asio::write(*arrivals[i].stream, asio::buffer(std::to_string(i)));
    EXPECT_EQ(read_text(clients[i], 1), std::to_string(i));
  }
}

TEST_F(AsioTest, CloseEndsEachAccept) {
  AsyncArrival waiting;
  AsyncArrival queued;
  AsyncArrival late;
  listener->async_accept(arrives_in(waiting));
  listener->async_accept(arrives_in(queued));
  listener->close();
  listener->async_accept(arrives_in(late));
  loop.run();
  for (const AsyncArrival* arrival : {&waiting, &queued, &late}) {
    EXPECT_CODE(arrival->ec.value(), Errc::closed);
    EXPECT_FALSE(arrival->stream->is_open());
  }
  EXPECT_FALSE(listener->is_open());
}

TEST_F(AsioTest, TheDestructorEndsAnAccept) {
  AsyncArrival arrival;
  listener->async_accept(arrives_in(arrival));
  listener.reset();
  EXPECT_FALSE(arrival.ec) << "called from the destructor";
  loop.run();
  EXPECT_CODE(arrival.ec.value(), Errc::closed);
}

TEST_F(AsioTest, CancellationEndsOneAcceptAndTheNextGoesOn) {
  AsyncArrival canceled;
  AsyncArrival next;
  asio::cancellation_signal signal;
  listener->async_accept(asio::bind_cancellation_slot(signal.slot(), arrives_in(canceled)));
  listener->async_accept(arrives_in(next));
  signal.emit(asio::cancellation_type::terminal);
  loop.run_one();
  EXPECT_CODE(canceled.ec.value(), std::errc::operation_canceled);
  const LocalStream client = connect();
  loop.run();
  EXPECT_CODE(next.ec.value(), success);
}

TEST_F(AsioTest, CancellationOfALaterAcceptWaitsForNoOther) {
  AsyncArrival first;
  AsyncArrival canceled;
  AsyncArrival last;
  asio::cancellation_signal signal;
  listener->async_accept(arrives_in(first));
  listener->async_accept(asio::bind_cancellation_slot(signal.slot(), arrives_in(canceled)));
  listener->async_accept(arrives_in(last));
  signal.emit(asio::cancellation_type::terminal);
  loop.run_one();
  EXPECT_FALSE(first.ec);
  EXPECT_CODE(canceled.ec.value(), std::errc::operation_canceled);
  const LocalStream one = connect();
  const LocalStream other = connect();
  loop.run();
  EXPECT_CODE(first.ec.value(), success);
  EXPECT_CODE(last.ec.value(), success);
}

TEST_F(AsioTest, CancellationThatComesTooLateDoesNothing) {
  AsyncArrival arrival;
  asio::cancellation_signal signal;
  listener->async_accept(asio::bind_cancellation_slot(signal.slot(), arrives_in(arrival)));
  const LocalStream client = connect();
  loop.run();
  listener.reset();
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_CODE(arrival.ec.value(), success);
}

TEST_F(AsioTest, ConnectsWaitForAListener) {
  const LocalAddress address = listener->local_address();
  listener.reset();
  std::vector<AsyncArrival> arrivals(100);
  for (AsyncArrival& arrival : arrivals) async_connect(loop.get_executor(), address, arrives_in(arrival));
  loop.run_for(200ms);
  for (const AsyncArrival& arrival : arrivals) EXPECT_FALSE(arrival.ec);
  LocalListener late = LocalListener::bind(address);
  auto accepting = run_async([&] {
    std::vector<LocalStream> streams;
    for (std::size_t i = 0; i < arrivals.size(); ++i) streams.push_back(late.accept(soon()));
    return streams;
  });
  loop.run();
  for (const AsyncArrival& arrival : arrivals) EXPECT_CODE(arrival.ec.value(), success);
  for (LocalStream& stream : accepting.result()) stream.write_all("x");
  char byte = 0;
  for (AsyncArrival& arrival : arrivals) asio::read(*arrival.stream, asio::buffer(&byte, 1));
}

TEST_F(AsioTest, CancellationEndsAConnect) {
  const LocalAddress address = listener->local_address();
  listener.reset();
  AsyncArrival arrival;
  asio::cancellation_signal signal;
  async_connect(loop.get_executor(), address, asio::bind_cancellation_slot(signal.slot(), arrives_in(arrival)));
  loop.run_for(30ms);
  signal.emit(asio::cancellation_type::total);
  loop.run();
  EXPECT_CODE(arrival.ec.value(), std::errc::operation_canceled);
}

TEST_F(AsioTest, CancellationEndsAHundredConnectsWithin20Milliseconds) {
  const LocalAddress address = listener->local_address();
  listener.reset();
  constexpr std::size_t connects = 100;
  EXPECT_LT(median_time([&] {
              std::vector<AsyncArrival> arrivals(connects);
              std::vector<asio::cancellation_signal> signals(connects);
              for (std::size_t i = 0; i < connects; ++i) {
                async_connect(loop.get_executor(), address,
                              asio::bind_cancellation_slot(signals[i].slot(), arrives_in(arrivals[i])));
              }
              loop.restart();
              loop.run_for(30ms);
              const auto time = time_of([&] {
                for (asio::cancellation_signal& signal : signals) signal.emit(asio::cancellation_type::total);
                loop.run();
              });
              for (const AsyncArrival& arrival : arrivals) {
                EXPECT_CODE(arrival.ec.value(), std::errc::operation_canceled);
              }
              return time;
            }),
            20ms * time_factor());
}

TEST_F(AsioTest, AConnectThatCannotSucceedFails) {
  AsyncArrival arrival;
  async_connect(loop.get_executor(), LocalAddress(), arrives_in(arrival));
  EXPECT_FALSE(arrival.ec) << "called by the function that begins";
  listener->close();
  loop.run();
  EXPECT_CODE(arrival.ec.value(), Errc::invalid_address);
}

TEST_F(AsioTest, CancelOfTheStreamEndsAReadAndTheConnectionGoesOn) {
  Ends ends = connected_ends();
  AsioStream client = to_asio(std::move(ends.client), loop.get_executor());
  Bytes bytes(4);
  auto canceled = client.async_read_some(asio::buffer(bytes), asio::use_future);
  loop.poll();
  client.cancel();
  loop.restart();
  loop.run();
  EXPECT_EQ(thrown_code([&] { canceled.get(); }), asio::error::operation_aborted);
  ends.server.write_all("ping");
  auto reading = asio::async_read(client, asio::buffer(bytes), asio::use_future);
  loop.restart();
  loop.run();
  EXPECT_EQ(reading.get(), 4U);
  EXPECT_EQ(text_of(bytes), "ping");
}

}  // namespace
}  // namespace localsocket::test
