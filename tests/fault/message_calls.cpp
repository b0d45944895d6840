// Messages.
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fault/calls.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

struct Messaging {
  explicit Messaging(std::string text = "text") : message(std::move(text)) {
    Ends ends = connected_ends({.buffer_size = 1_MiB});
    sender = MessageStream(std::move(ends.server));
    receiver = MessageStream(std::move(ends.client));
  }

  /// That nothing is lost and nothing repeated; or, when memory was lacking, the stream is closed.
  void expect_order(std::size_t messages_before) {
    if (!sender.stream().is_open() || !receiver.stream().is_open()) return;
    sender.flush();
    sender.send("last");
    for (std::string received;;) {
      ASSERT_TRUE(receiver.receive(received, 10s));
      if (received == "last") break;
      EXPECT_TRUE(received == message);
      ASSERT_NE(messages_before--, 0U) << "one too many";
    }
    EXPECT_EQ(messages_before, 0U) << "one is lost";
  }

  std::string message;
  MessageStream sender;
  MessageStream receiver;
  std::size_t under_way = 0;
};

template <class Send>
Prepared send_by(std::size_t size, Send send) {
  return prepared(
      std::make_shared<Messaging>(std::string(size, 'm')),
      [send](Messaging& s) {
        std::error_code ec;
        s.under_way = send(s, ec);
        return ec;
      },
      [](Messaging& s, const std::error_code&) { s.expect_order(s.under_way); });
}

template <class Receive>
Prepared receive_by(std::size_t size, Receive receive) {
  auto state = std::make_shared<Messaging>(std::string(size, 'm'));
  state->sender.send(state->message);
  state->under_way = 1;
  return prepared(
      state,
      [receive](Messaging& s) {
        std::error_code ec;
        if (receive(s, ec)) s.under_way = 0;
        return ec;
      },
      [](Messaging& s, const std::error_code&) { s.expect_order(s.under_way); });
}

constexpr std::size_t large = 150_KiB;  // past what is read ahead, and the sender's buffer takes it

bool send_plainly(Messaging& s, std::error_code& ec) { return s.sender.send(s.message, 10s, ec); }

bool receive_view(Messaging& s, std::error_code& ec) { return s.receiver.receive(10s, ec).has_value(); }

template <class Container>
bool receive_into(Messaging& s, std::error_code& ec) {
  Container to;
  return s.receiver.receive(to, 10s, ec);
}

bool receive_fixed(Messaging& s, std::error_code& ec) {
  static std::vector<std::byte> buffer(large);
  return s.receiver.receive(std::span(buffer), 10s, ec).has_value();
}

/// One message with a handle, and one more.
struct MessagingHandles {
  Ends ends = connected_ends();
  OwnedHandle handle{duplicate_handle(ends.client.native_handle())};
  MessageStream sender{std::move(ends.client), {.handles = true}};
  MessageStream receiver{std::move(ends.server), {.handles = true}};
  bool is_sent = false;

  void send(std::error_code& ec) {
    const NativeHandle handles[] = {handle.native_handle()};
    is_sent = sender.send("handle", handles, 10s, ec);
  }

  /// A message that the system let have no handle has come without.
  void receive(std::error_code& ec) {
    if (!receiver.receive(10s, ec)) return;
    is_sent = false;
    const std::size_t count = receiver.take_handles(ec).size();
    EXPECT_EQ(count, ec == std::errc::permission_denied ? 0U : 1U);
  }

  void expect_rest() {
    if (!sender.stream().is_open() || !receiver.stream().is_open()) return;
    std::error_code ec;
    if (is_sent) receive(ec);
    EXPECT_CODE(ec, success);
    send(ec);
    EXPECT_CODE(ec, success);
    receive(ec);
    EXPECT_CODE(ec, success);
  }
};

using UseHandles = void (*)(MessagingHandles& s, std::error_code& ec);

Prepared with_a_handle(UseHandles use, UseHandles before = nullptr) {
  auto state = std::make_shared<MessagingHandles>();
  std::error_code ready;
  if (before != nullptr) before(*state, ready);
  return prepared(
      std::move(state),
      [use](MessagingHandles& s) {
        std::error_code ec;
        use(s, ec);
        return ec;
      },
      [](MessagingHandles& s, const std::error_code&) { s.expect_rest(); });
}

const bool messages = add_calls({
    {"send", [] { return send_by(10, send_plainly); }},
    {"send a large one", [] { return send_by(large, send_plainly); }},
    {"send a list",
     [] {
       return send_by(1000, [](Messaging& s, std::error_code& ec) {
         const std::span<const std::byte> all = bytes_of(s.message);
         const std::array parts{all.first(400), all.subspan(400)};
         return s.sender.send(parts, 10s, ec);
       });
     }},
    {"send that waits in vain, and flush",
     [] {
       return prepared(
           std::make_shared<Messaging>(std::string(large, 'm')),
           [](Messaging& s) {
             std::error_code ec;
             while (!ec) s.under_way += s.sender.send(s.message, 0s, ec) ? 1 : 0;
             std::error_code flush;
             s.sender.flush(0s, flush);
             return ec;
           },
           [](Messaging& s, const std::error_code&) {
             auto receiving = run_async([&s] {
               std::size_t count = 0;
               std::string received;
               while (s.receiver.receive(received, 10s) && received == s.message) ++count;
               return count;
             });
             if (s.sender.stream().is_open()) {
               s.sender.flush();
               s.sender.send("last");
               EXPECT_EQ(receiving.result(), s.under_way);
             }
           });
     }},
    {"receive", [] { return receive_by(10, receive_view); }},
    {"receive a large one", [] { return receive_by(large, receive_view); }},
    {"receive into a vector", [] { return receive_by(300, receive_into<std::vector<std::byte>>); }},
    {"receive a large one into a vector", [] { return receive_by(large, receive_into<std::vector<std::byte>>); }},
    {"receive into a string", [] { return receive_by(300, receive_into<std::string>); }},
    {"receive a large one into a string", [] { return receive_by(large, receive_into<std::string>); }},
    {"receive into a span", [] { return receive_by(300, receive_fixed); }},
    {"receive a large one into a span", [] { return receive_by(large, receive_fixed); }},
    {"next_size",
     [] {
       return receive_by(300, [](Messaging& s, std::error_code& ec) {
         s.receiver.next_size(10s, ec);
         return false;
       });
     }},
    {"receive that waits in vain",
     [] {
       return prepared(
           std::make_shared<Messaging>(),
           [](Messaging& s) {
             std::error_code ec;
             s.receiver.receive(moment, ec);
             return ec;
           },
           [](Messaging& s, const std::error_code&) { s.expect_order(0); });
     }},
    {"MessageStream and release",
     [] {
       return prepared(
           std::make_shared<Ends>(connected_ends()),
           [](Ends& s) {
             MessageStream messages(std::move(s.client));
             MessageStream again(messages.release());
             s.client = again.release().stream;
           },
           [](Ends& s, const std::error_code&) {
             if (s.client.is_open()) expect_connected(s.client, s.server);
           });
     }},
    {"send a handle", [] { return with_a_handle([](MessagingHandles& s, std::error_code& ec) { s.send(ec); }); }},
    {"receive a handle",
     [] {
       return with_a_handle([](MessagingHandles& s, std::error_code& ec) { s.receive(ec); },
                            [](MessagingHandles& s, std::error_code& ec) { s.send(ec); });
     }},
    {"MessageBatch",
     [] {
       struct Batching : Messaging {
         Batching() : Messaging(std::string(300, 'm')) {}
         MessageBatch batch{sender, 1000};
       };
       return prepared(
           std::make_shared<Batching>(),
           [](Batching& s) {
             std::error_code ec;
             for (int i = 0; i < 5 && !ec; ++i) s.under_way += s.batch.add(s.message, 10s, ec) ? 1 : 0;
             if (!ec) s.batch.flush(10s, ec);
             return ec;
           },
           [](Batching& s, const std::error_code&) {
             while (!s.batch.empty()) s.batch.flush(10s);
             s.expect_order(s.under_way);
           });
     }},
});

}  // namespace
}  // namespace localsocket::test
