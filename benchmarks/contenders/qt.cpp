// Qt's QLocalSocket by its calls that wait; each also buffers in memory and keeps the state of an event loop.

#include "channels.hpp"
#include "session.hpp"
#include "stream_workloads.hpp"
#include "transport.hpp"

#include <QCoreApplication>
#include <QEventLoop>
#include <QLocalServer>
#include <QLocalSocket>
#include <QString>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <utility>

namespace {

constexpr int no_limit = -1;

class QtStream {
 public:
  explicit QtStream(std::unique_ptr<QLocalSocket> socket) : socket_(std::move(socket)) {}
  explicit QtStream(quintptr descriptor) : accepted_(descriptor) {}
  QtStream(QtStream&& other) noexcept
      : accepted_(std::exchange(other.accepted_, std::nullopt)), socket_(std::move(other.socket_)) {}
  QtStream& operator=(QtStream&& other) noexcept {
    accepted_.swap(other.accepted_);
    socket_.swap(other.socket_);
    return *this;
  }
  ~QtStream() {
    if (accepted_) socket();  // which closes it
  }

  void send_all(std::span<const std::byte> bytes) {
    QLocalSocket& to = socket();
    to.write(reinterpret_cast<const char*>(bytes.data()), static_cast<qint64>(bytes.size()));
    while (to.bytesToWrite() > 0) bench::expect(to.waitForBytesWritten(no_limit), "the peer left");
  }

  std::size_t recv_some(std::span<std::byte> buffer) {
    QLocalSocket& from = socket();
    if (from.bytesAvailable() == 0 && !from.waitForReadyRead(no_limit)) return 0;
    const qint64 n = from.read(reinterpret_cast<char*>(buffer.data()), static_cast<qint64>(buffer.size()));
    bench::expect(n > 0, "nothing could be read");
    return static_cast<std::size_t>(n);
  }

  bool recv_exact(std::span<std::byte> buffer) { return bench::recv_by_parts(*this, buffer); }

 private:
  // An accepted one is made by the thread that uses it: the object belongs to the thread that made it.
  QLocalSocket& socket() {
    if (accepted_) {
      const QEventLoop dispatcher;  // which a thread that is not Qt's does not have yet
      socket_ = std::make_unique<QLocalSocket>();
      socket_->setSocketDescriptor(static_cast<qintptr>(*std::exchange(accepted_, std::nullopt)));
    }
    return *socket_;
  }

  std::optional<quintptr> accepted_;
  std::unique_ptr<QLocalSocket> socket_;
};

struct QtTransport {
  using Address = std::string;
  using Stream = QtStream;
  using Batched = bench::BufferedChannel<Stream>;
  using Single = bench::UnbufferedChannel<Stream>;

  class Listener : private QLocalServer {
   public:
    explicit Listener(const std::string& address) {
      bench::expect(listen(QString::fromStdString(address)), "cannot listen");
    }

    QtStream accept() {
      while (accepted_.empty()) waitForNewConnection(no_limit);
      QtStream stream(accepted_.front());
      accepted_.pop();
      return stream;
    }

   private:
    void incomingConnection(quintptr descriptor) override { accepted_.push(descriptor); }

    std::queue<quintptr> accepted_;
  };

  static QtStream connect(const std::string& address) {
    auto socket = std::make_unique<QLocalSocket>();
    socket->connectToServer(QString::fromStdString(address));
    bench::expect(socket->waitForConnected(no_limit), "cannot connect");
    return QtStream(std::move(socket));
  }
};

/// Connections that are only kept are kept by the event loop.
void serve_idle(const bench::Session& session) {
  QLocalServer server;
  QObject::connect(&server, &QLocalServer::newConnection, [&server] {
    while (server.nextPendingConnection() != nullptr) continue;  // the server owns them
  });
  bench::expect(server.listen(QString::fromStdString(session.address)), "cannot listen");
  bench::say_ready();
  QCoreApplication::exec();
}

constexpr auto workloads = [] {
  auto all = bench::stream_workloads<QtTransport>;
  std::ranges::find(all, "idle", &bench::Workload::name)->serve = serve_idle;
  return all;
}();

}  // namespace

int main(int argc, char** argv) {
  const QCoreApplication application(argc, argv);
  return bench::run(argc, argv, workloads);
}
