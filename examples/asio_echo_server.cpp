// Does what echo_server does on one thread: Asio's event loop, and a coroutine for each client.
//
//     asio_echo_server <address>
//
// It says when it listens, and stops at a line or the end of its standard input.

#include <localsocket/asio.hpp>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <future>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

using localsocket::AsioListener;
using localsocket::AsioStream;

namespace {

asio::awaitable<void> echo(AsioStream stream) {
  try {
    for (std::array<std::byte, 16 * 1024> buffer;;) {
      const std::size_t size = co_await stream.async_read_some(asio::buffer(buffer), asio::use_awaitable);
      co_await asio::async_write(stream, asio::buffer(buffer, size), asio::use_awaitable);
    }
  } catch (const std::system_error& error) {
    if (!localsocket::is_end_of_stream(error.code())) std::cerr << "asio_echo_server: " << error.what() << '\n';
  }
}

asio::awaitable<void> serve(AsioListener& listener) {
  try {
    for (;;) {
      AsioStream stream = co_await listener.async_accept(asio::use_awaitable);
      asio::co_spawn(listener.get_executor(), echo(std::move(stream)), asio::detached);
    }
  } catch (const std::system_error& error) {
    if (listener.is_open()) std::cerr << "asio_echo_server: " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: asio_echo_server <address>\n";
    return 2;
  }
  try {
    asio::io_context loop;
    AsioListener listener(loop.get_executor(), localsocket::LocalListener::bind(argv[1]));
    std::cout << "listening on " << listener.local_address().native() << std::endl;
    asio::co_spawn(loop, serve(listener), asio::detached);
    const std::future<void> serving = std::async(std::launch::async, [&] { loop.run(); });  // joined at the end
    std::string line;
    std::getline(std::cin, line);
    listener.close();
    loop.stop();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "asio_echo_server: " << error.what() << '\n';
    return 1;
  }
}
