// Asio's blocking calls, which take no time-out and cannot be cancelled.

#include "channels.hpp"
#include "session.hpp"
#include "stream_workloads.hpp"
#include "transport.hpp"

#include <asio.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace {

using Protocol = asio::local::stream_protocol;

asio::io_context context;

class AsioStream {
 public:
  explicit AsioStream(Protocol::socket socket) : socket_(std::move(socket)) {}

  void send_all(std::span<const std::byte> bytes) { asio::write(socket_, to_buffer(bytes)); }

  std::size_t recv_some(std::span<std::byte> buffer) {
    std::error_code ec;
    const std::size_t n = socket_.read_some(to_buffer(buffer), ec);
    if (ec && ec != asio::error::eof) throw std::system_error(ec);
    return n;
  }

  bool recv_exact(std::span<std::byte> buffer) {
    std::error_code ec;
    asio::read(socket_, to_buffer(buffer), ec);
    if (ec && ec != asio::error::eof) throw std::system_error(ec);
    return !ec;
  }

 private:
  static asio::const_buffer to_buffer(std::span<const std::byte> bytes) { return {bytes.data(), bytes.size()}; }
  static asio::mutable_buffer to_buffer(std::span<std::byte> bytes) { return {bytes.data(), bytes.size()}; }

  Protocol::socket socket_;
};

struct AsioTransport {
  using Address = Protocol::endpoint;
  using Stream = AsioStream;
  using Batched = bench::BufferedChannel<Stream>;
  using Single = bench::UnbufferedChannel<Stream>;

  class Listener {
   public:
    explicit Listener(const std::string& path) : acceptor_(context, path) {}
    Stream accept() { return Stream(acceptor_.accept()); }

   private:
    Protocol::acceptor acceptor_;
  };

  static Stream connect(const Address& address) {
    Protocol::socket socket(context);
    socket.connect(address);
    return Stream(std::move(socket));
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::stream_workloads<AsioTransport>); }
