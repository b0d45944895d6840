// Streams, their halves and iostreams.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fault/calls.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

struct Connected {
  Ends ends = connected_ends();
  std::string sent;      // by the server, and taken or yet to be taken by the client
  std::string received;  // by the client
};

std::shared_ptr<Connected> with_text(std::string text) {
  auto state = std::make_shared<Connected>();
  state->sent = std::move(text);
  state->ends.server.write_all(state->sent);
  return state;
}

/// A read of "one two" by the client; what it did not take can still be read.
template <class Read>
Prepared read_by(Read read) {
  return prepared(
      with_text("one two"),
      [read](Connected& s) {
        std::array<std::byte, 7> bytes;
        std::error_code ec;
        const std::size_t count = read(s.ends.client, std::span<std::byte>(bytes), ec);
        s.received = text_of(std::span(bytes).first(count));
        return ec;
      },
      [](Connected& s, const std::error_code&) {
        s.received += read_text(s.ends.client, s.sent.size() - s.received.size());
        EXPECT_EQ(s.received, s.sent);
        expect_connected(s.ends.client, s.ends.server);
      });
}

/// A write of "one two" by the client; what was written, to the byte, can be read.
template <class Write>
Prepared write_by(Write write) {
  return prepared(
      std::make_shared<Connected>(),
      [write](Connected& s) {
        std::error_code ec;
        const std::size_t count = write(s.ends.client, ec);
        s.sent = std::string("one two").substr(0, count);
        return ec;
      },
      [](Connected& s, const std::error_code&) {
        EXPECT_EQ(read_text(s.ends.server, s.sent.size()), s.sent);
        expect_connected(s.ends.client, s.ends.server);
      });
}

/// Anything else that leaves a connection connected.
template <class Call>
Prepared keeps_connected(Call call) {
  return prepared(std::make_shared<Connected>(), call,
                  [](Connected& s, const std::error_code&) { expect_connected(s.ends.client, s.ends.server); });
}

using In = std::span<std::byte>;
using Out = std::span<const std::byte>;

const std::array<Out, 2> one_two{bytes_of("one"), bytes_of(" two")};

const bool reading = add_calls({
    {"read_some", [] { return read_by([](LocalStream& s, In to, auto& ec) { return s.read_some(to, 10s, ec); }); }},
    {"read_exact", [] { return read_by([](LocalStream& s, In to, auto& ec) { return s.read_exact(to, 10s, ec); }); }},
    {"read_some of a list",
     [] {
       return read_by([](LocalStream& s, In to, auto& ec) {
         const std::array<In, 2> parts{to.first(3), to.subspan(3)};
         return s.read_some(parts, {10s, stop_source().get_token()}, ec);
       });
     }},
    {"read_some that waits in vain",
     [] {
       return keeps_connected([](Connected& s) {
         Bytes bytes(1);
         return read_some(s.ends.client, bytes, {moment, stop_source().get_token()}).ec;
       });
     }},
    {"read_some at the end of the stream",
     [] {
       auto state = std::make_shared<Connected>();
       state->ends.server.close();
       return prepared(
           state,
           [](Connected& s) {
             Bytes bytes(1);
             return read_some(s.ends.client, bytes, 10s).ec;
           },
           [](Connected& s, const std::error_code&) {
             Bytes bytes(1);
             EXPECT_OUTCOME(read_some(s.ends.client, bytes), 0, success);
           });
     }},
    {"read by a half",
     [] {
       return prepared(
           with_text("text"),
           [](Connected& s) {
             auto [reader, writer] = std::move(s.ends.client).split();
             std::array<std::byte, 4> bytes{};
             std::error_code ec;
             s.received.assign(s.sent, 0, reader.read_exact(std::span(bytes), 10s, ec));
             std::error_code apart;
             s.ends.client = LocalStream::reunite(std::move(reader), std::move(writer), apart);
             EXPECT_CODE(apart, success);
             return ec;
           },
           [](Connected& s, const std::error_code&) {
             read_text(s.ends.client, s.sent.size() - s.received.size());
             expect_connected(s.ends.client, s.ends.server);
           });
     }},
    {"available",
     [] {
       return keeps_connected([](Connected& s) {
         std::error_code ec;
         s.ends.client.available(ec);
         return ec;
       });
     }},
});

const bool writing = add_calls({
    {"write_some",
     [] { return write_by([](LocalStream& s, auto& ec) { return s.write_some(bytes_of("one two"), 10s, ec); }); }},
    {"write_some of a list",
     [] { return write_by([](LocalStream& s, auto& ec) { return s.write_some(one_two, 10s, ec); }); }},
    {"write_all", [] { return write_by([](LocalStream& s, auto& ec) { return s.write_all("one two", 10s, ec); }); }},
    {"write_all of a list",
     [] { return write_by([](LocalStream& s, auto& ec) { return s.write_all(one_two, 10s, ec); }); }},
    {"write_all that waits in vain",
     [] {
       auto state = std::make_shared<std::pair<Connected, std::size_t>>();
       state->second = fill(state->first.ends.client);
       return prepared(
           state, [](auto& s) { return write_all(s.first.ends.client, bytes_of("x"), moment).ec; },
           [](auto& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             Bytes bytes(s.second);
             EXPECT_OUTCOME(read_exact(s.first.ends.server, bytes), s.second, success);
             expect_connected(s.first.ends.client, s.first.ends.server);
           });
     }},
    {"write_all to nobody",
     [] {
       auto state = std::make_shared<Connected>();
       state->ends.server.close();
       return prepared(
           state, [](Connected& s) { return write_all(s.ends.client, bytes_of("x"), 10s).ec; },
           [](Connected& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             EXPECT_CODE(write_all(s.ends.client, bytes_of("x"), 10s).ec, std::errc::broken_pipe);
           });
     }},
    {"write by a half",
     [] {
       return prepared(
           std::make_shared<Connected>(),
           [](Connected& s) {
             auto [reader, writer] = std::move(s.ends.client).split();
             std::error_code ec;
             s.sent = std::string("one two").substr(0, writer.write_all(bytes_of("one two"), 10s, ec));
             return ec;  // both halves close
           },
           [](Connected& s, const std::error_code&) { EXPECT_EQ(text_until_end(s.ends.server), s.sent); });
     }},
    {"drain",
     [] {
       return keeps_connected([](Connected& s) {
         std::error_code ec;
         s.ends.client.drain(10s, ec);
         return ec;
       });
     }},
    {"drain that waits in vain",
     [] {
       return prepared(
           with_text("unread"),
           [](Connected& s) {
             std::error_code ec;
             EXPECT_FALSE(s.ends.server.drain(moment, ec));
             return ec;
           },
           [](Connected& s, const std::error_code&) {
             EXPECT_EQ(read_text(s.ends.client, s.sent.size()), s.sent);
             expect_connected(s.ends.client, s.ends.server);
           });
     }},
});

const bool other_calls = add_calls({
    {"shutdown",
     [] {
       return prepared(
           std::make_shared<Connected>(),
           [](Connected& s) {
             std::error_code ec;
             s.ends.client.shutdown(Shutdown::write, ec);
             return ec;
           },
           [](Connected& s, const std::error_code&) {
             s.ends.client.close();
             EXPECT_EQ(text_until_end(s.ends.server), "");
           });
     }},
    {"duplicate",
     [] {
       struct Duplicating : Connected {
         LocalStream copy;
       };
       return prepared(
           std::make_shared<Duplicating>(),
           [](Duplicating& s) {
             std::error_code ec;
             s.copy = s.ends.client.duplicate(ec);
             EXPECT_EQ(s.copy.is_open(), !ec);
             return ec;
           },
           [](Duplicating& s, const std::error_code&) {
             if (s.copy.is_open()) expect_connected(s.copy, s.ends.server);
             s.copy.close();
             expect_connected(s.ends.client, s.ends.server);
           });
     }},
    {"peer",
     [] {
       return keeps_connected([](Connected& s) {
         std::error_code ec;
         s.ends.server.peer(ec);
         if (!ec) s.ends.client.peer(ec);
         return ec;
       });
     }},
    {"release and adopt",
     [] {
       struct Adopting : Connected {
         NativeHandle handle = invalid_handle;
       };
       return prepared(
           std::make_shared<Adopting>(),
           [](Adopting& s) {
             s.handle = s.ends.client.release();
             std::error_code ec;
             s.ends.client = LocalStream::adopt(s.handle, ec);
             return ec;
           },
           [](Adopting& s, const std::error_code&) {
             if (!s.ends.client.is_open()) {
               EXPECT_TRUE(is_open_handle(s.handle)) << "it stays the caller's";
               s.ends.client = LocalStream::adopt(s.handle);
             }
             expect_connected(s.ends.client, s.ends.server);
           });
     }},
    {"native_handle",
     [] { return keeps_connected([](Connected& s) { EXPECT_NE(s.ends.client.native_handle(), invalid_handle); }); }},
    {"settings",
     [] {
       return keeps_connected([](Connected& s) {
         s.ends.client.set_read_timeout(10s);
         s.ends.client.set_write_deadline(Clock::now() + 10s);
         s.ends.client.set_nonblocking(true);
         s.ends.client.set_nonblocking(false);
         s.ends.client.cancel();
       });
     }},
    {"close",
     [] {
       return prepared(
           std::make_shared<Connected>(), [](Connected& s) { s.ends.client.close(); },
           [](Connected& s, const std::error_code&) { EXPECT_EQ(text_until_end(s.ends.server), ""); });
     }},
});

const bool iostreams = add_calls({
    {"LocalIostream that writes",
     [] {
       return prepared(
           std::make_shared<Connected>(),
           [](Connected& s) {
             LocalIostream stream(std::move(s.ends.client), 16);
             stream << "one two" << std::flush;
             stream.clear();
             stream << std::flush;
             s.sent = stream ? "one two" : "";
           },
           [](Connected& s, const std::error_code& ec) {
             const std::string received = text_until_end(s.ends.server);
             EXPECT_TRUE(ec || received == s.sent || received == "") << received;
           });
     }},
    {"LocalIostream that reads",
     [] {
       struct Reading : Connected {
         std::optional<LocalIostream> stream;
         void read() {
           char line[16] = "";
           stream->getline(line, sizeof line);
           received = line;
         }
       };
       auto state = std::make_shared<Reading>();
       state->ends.server.write_all("one two\n");
       return prepared(
           state,
           [](Reading& s) {
             s.stream.emplace(std::move(s.ends.client));
             s.read();
           },
           [](Reading& s, const std::error_code&) {
             if (!s.stream) return;
             while (s.received.empty()) {
               s.stream->clear();
               s.read();
             }
             EXPECT_EQ(s.received, "one two");
           });
     }},
});

}  // namespace
}  // namespace localsocket::test
