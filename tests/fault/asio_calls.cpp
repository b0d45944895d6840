// Clients that are accepted for an event loop.
#include <localsocket/asio.hpp>

#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <vector>

#include "fault/calls.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

struct AsyncAccepting {
  asio::io_context loop;
  AsioListener listener{loop.get_executor(), listening()};
  LocalStream client = LocalStream::connect(listener.local_address(), 10s);
  std::optional<std::error_code> ec;  // none: not completed
  std::optional<AsioStream> server;

  void accept() {
    listener.async_accept([this](std::error_code result, AsioStream stream) {
      ec = result;
      server.emplace(std::move(stream));
    });
    loop.restart();
    loop.run();
    EXPECT_TRUE(ec) << "the loop was out of work before";
  }
};

const bool asynchronous = add_calls({
    {"async_accept",
     [] {
       return prepared(
           std::make_shared<AsyncAccepting>(),
           [](AsyncAccepting& s) {
             s.accept();
             return s.ec.value_or(std::error_code());
           },
           [](AsyncAccepting& s, const std::error_code&) {
             // A client may be lost with a stream that Asio could not take; the listener goes on.
             if (!s.server || !s.server->is_open()) {
               s.client = LocalStream::connect(s.listener.local_address(), 10s);
               do s.accept();
               while (!s.server->is_open());
             }
             EXPECT_CODE(s.ec.value(), success);
           });
     }},
});

}  // namespace
}  // namespace localsocket::test
