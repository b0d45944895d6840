// Messages of the system's own.
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "fault/calls.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

struct Packets {
  explicit Packets(std::size_t size) : message(size, 'm') {
    LocalListener listener = listening({.buffer_size = 1_MiB, .type = Type::packets});
    receiver = MessageStream(LocalStream::connect(listener.local_address(), {.type = Type::packets}));
    sender = MessageStream(listener.accept());
  }

  /// That nothing is lost and nothing repeated; or the stream is closed.
  void expect_order() {
    if (!sender.stream().is_open() || !receiver.stream().is_open()) return;
    sender.send("last");
    for (std::string received;;) {
      ASSERT_TRUE(receiver.receive(received, 10s));
      if (received == "last") break;
      EXPECT_TRUE(received == message);
      ASSERT_NE(under_way--, 0U) << "one too many";
    }
    EXPECT_EQ(under_way, 0U) << "one is lost";
  }

  std::string message;
  MessageStream sender;
  MessageStream receiver;
  std::size_t under_way = 0;
};

template <class Send>
Prepared send_packet_by(std::size_t size, Send send) {
  return prepared(
      std::make_shared<Packets>(size),
      [send](Packets& s) {
        std::error_code ec;
        s.under_way = send(s, ec) ? 1 : 0;
        return ec;
      },
      [](Packets& s, const std::error_code&) { s.expect_order(); });
}

template <class Receive>
Prepared receive_packet_by(std::size_t size, Receive receive) {
  auto state = std::make_shared<Packets>(size);
  state->sender.send(state->message);
  state->under_way = 1;
  return prepared(
      state,
      [receive](Packets& s) {
        std::error_code ec;
        if (receive(s, ec)) s.under_way = 0;
        return ec;
      },
      [](Packets& s, const std::error_code&) { s.expect_order(); });
}

constexpr std::size_t large_packet = 150_KiB;  // past the first memory that a receive takes

const bool packets = add_calls({
    {"packets send",
     [] { return send_packet_by(10, [](Packets& s, auto& ec) { return s.sender.send(s.message, 10s, ec); }); }},
    {"packets send an empty one",
     [] { return send_packet_by(0, [](Packets& s, auto& ec) { return s.sender.send(s.message, 10s, ec); }); }},
    {"packets send a list",
     [] {
       return send_packet_by(1000, [](Packets& s, auto& ec) {
         const std::span<const std::byte> all = bytes_of(s.message);
         const std::array parts{all.first(400), all.subspan(400)};
         return s.sender.send(parts, 10s, ec);
       });
     }},
    {"packets send that waits in vain",
     [] {
       return prepared(
           std::make_shared<Packets>(large_packet),
           [](Packets& s) {
             std::error_code ec;
             while (!ec) s.under_way += s.sender.send(s.message, 0s, ec) ? 1 : 0;
             return ec;
           },
           [](Packets& s, const std::error_code&) {
             s.sender.close();
             std::size_t received = 0;
             for (std::string message; s.receiver.receive(message, 10s); ++received) EXPECT_TRUE(message == s.message);
             EXPECT_EQ(received, s.under_way);
           });
     }},
    {"packets receive",
     [] {
       return receive_packet_by(10, [](Packets& s, auto& ec) { return s.receiver.receive(10s, ec).has_value(); });
     }},
    {"packets receive a large one",
     [] {
       return receive_packet_by(large_packet,
                                [](Packets& s, auto& ec) { return s.receiver.receive(10s, ec).has_value(); });
     }},
    {"packets receive into a string",
     [] {
       return receive_packet_by(300, [](Packets& s, auto& ec) {
         std::string message;
         return s.receiver.receive(message, 10s, ec);
       });
     }},
    {"packets next_size of a large one, and release",
     [] {
       return receive_packet_by(large_packet, [](Packets& s, auto& ec) {
         s.receiver.next_size(10s, ec);
         s.receiver = MessageStream(s.receiver.release());
         return false;
       });
     }},
    {"packets pair",
     [] {
       struct Pair {};
       return prepared(
           std::make_shared<Pair>(),
           [](Pair&) {
             std::error_code ec;
             auto [one, other] = LocalStream::pair(Type::packets, ec);
             EXPECT_EQ(one.is_open() && other.is_open(), !ec);
             return ec;
           },
           [](Pair&, const std::error_code&) {});
     }},
    {"bind, connect and accept for packets",
     [] {
       return prepared(
           std::make_shared<Binding>(),
           [](Binding& s) {
             std::error_code ec;
             s.listener = LocalListener::bind(s.address, {.type = Type::packets}, ec);
             LocalStream client;
             if (!ec) client = LocalStream::connect(s.address, 10s, {.type = Type::packets}, ec);
             if (!ec) s.listener.accept(10s, ec);
             return ec;
           },
           [](Binding& s, const std::error_code&) {
             if (!s.listener.is_open()) s.listener = LocalListener::bind(s.address, {.type = Type::packets});
             while (!accept(s.listener, moment).ec) {  // the client of the call, which may have gone
             }
             LocalStream client = LocalStream::connect(s.address, 10s, {.type = Type::packets});
             EXPECT_TRUE(s.listener.accept(10s).is_open());
           });
     }},
});

}  // namespace
}  // namespace localsocket::test
