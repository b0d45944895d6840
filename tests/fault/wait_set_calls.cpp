// Waiting for many.
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "fault/calls.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using Report = WaitSet::Report;

/// A set that is not open yet, and one of each that can be in it.
struct Waiting {
  LocalListener listener = listening();
  Ends ends = connected_ends();
  MessageStream messages{std::move(ends.server)};
  localsocket::Event event;
  WaitSet set;
  std::array<Report, 8> reports{};

  /// That the set takes this key, or has it, and reports it.
  template <class Object>
  void expect_reported(WaitSet::Key key, Object& object) {
    set.remove(key);
    set.add(key, object);
    for (int waits = 0; waits < 10; ++waits) {
      const std::size_t count = set.wait(reports, 10s);
      for (const Report& report : std::span(reports).first(count)) {
        if (report.key == key) return;
      }
    }
    FAIL() << "key " << key << " is not reported";
  }
};

/// A stream without space, in a set that tells of it.
struct Full {
  Full() {
    set.add(0, writer, WaitSet::Ready::writable);
    writer.write_all(Bytes(platform.exact_room), 0s);
  }

  Ends ends = connected_ends();
  LocalStream& writer = ends.client;
  LocalStream& reader = ends.server;
  WaitSet set;
  Bytes more = some_bytes(1000);
};

enum Key : WaitSet::Key { listener_key, stream_key, messages_key, event_key, process_key };

template <class Call>
Prepared wait_by(Call call) {
  return prepared(
      std::make_shared<Waiting>(),
      [call](Waiting& s) {
        std::error_code ec;
        call(s, ec);
        return ec;
      },
      [](Waiting& s, const std::error_code&) {
        s.event.set();
        s.expect_reported(event_key, s.event);
        s.messages.send("text");
        s.expect_reported(stream_key, s.ends.client);
        s.ends.client.write_all("\4text");
        s.expect_reported(messages_key, s.messages);
        std::string message;
        EXPECT_TRUE(s.messages.receive(message));
        if (message == "more") s.messages.receive(message);  // which no fault let through before
        EXPECT_EQ(message, "text");
        const LocalStream client = LocalStream::connect(s.listener.local_address());
        s.expect_reported(listener_key, s.listener);
        EXPECT_CODE(accept(s.listener, 0s).ec, success);
      });
}

const bool added = add_calls({
    {"add a listener to a set",
     [] { return wait_by([](Waiting& s, std::error_code& ec) { s.set.add(listener_key, s.listener, ec); }); }},
    {"add a stream to a set",
     [] { return wait_by([](Waiting& s, std::error_code& ec) { s.set.add(stream_key, s.ends.client, ec); }); }},
    {"add a stream with space to a set",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         s.set.add(stream_key, s.ends.client, WaitSet::Ready::readable | WaitSet::Ready::writable, ec);
       });
     }},
    {"add messages to a set",
     [] { return wait_by([](Waiting& s, std::error_code& ec) { s.set.add(messages_key, s.messages, ec); }); }},
    {"add an event to a set",
     [] { return wait_by([](Waiting& s, std::error_code& ec) { s.set.add(event_key, s.event, ec); }); }},
    {"add a process to a set",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         PeerProcess process = s.ends.client.peer_process(ec);
         if (!ec) s.set.add(process_key, process, ec);
         s.set.remove(process_key);
       });
     }},
    {"change in a set",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         s.set.add(stream_key, s.ends.client, WaitSet::Ready{}, ec);
         if (!ec) s.set.change(stream_key, WaitSet::Ready::readable, ec);
       });
     }},
    {"change to space in a set",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         s.set.add(stream_key, s.ends.client, ec);
         if (!ec) s.set.change(stream_key, WaitSet::Ready::writable, ec);
       });
     }},
    {"write more than there is space for beside a set",
     [] {
       return prepared(
           std::make_shared<Full>(), [](Full& s) { return write_some(s.writer, s.more, 0s).ec; },
           [](Full& s, const std::error_code&) {
             s.writer.close();
             read_to_end(s.reader);
           });
     }},
    {"close what is in a set",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         auto [one, other] = LocalStream::pair(ec);
         if (!ec) s.set.add(stream_key, one, ec);
         one.close();
         std::error_code ended;
         EXPECT_LE(s.set.wait(s.reports, moment, ended), 1U);
       });
     }},
    {"wait for many",
     [] { return wait_by([](Waiting& s, std::error_code& ec) { EXPECT_EQ(s.set.wait(s.reports, moment, ec), 0U); }); }},
    {"wait for a message among many",
     [] {
       return wait_by([](Waiting& s, std::error_code& ec) {
         s.set.add(messages_key, s.messages, ec);
         std::error_code unwritten;
         s.ends.client.write_all("\4more", unwritten);
         if (!ec) s.set.wait(s.reports, moment, ec);
         std::string message;
         std::error_code none;
         s.messages.receive(message, moment, none);
       });
     }},
});

}  // namespace
}  // namespace localsocket::test
