// Listening and connecting.
#include <memory>
#include <utility>
#include <vector>

#include "fault/calls.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {

Prepared bind_with(const ListenOptions& options, std::shared_ptr<Binding> state) {
  return prepared(
      std::move(state),
      [options](Binding& s) {
        std::error_code ec;
        s.listener = LocalListener::bind(s.address, options, ec);
        EXPECT_EQ(s.listener.is_open(), !ec);
        return ec;
      },
      [options](Binding& s, const std::error_code& ec) {
        if (!s.listener.is_open()) s.listener = LocalListener::bind(s.address, options);
        if (options.direction == Direction::duplex) expect_meeting(s.listener);
        if (ec) return;
        EXPECT_CODE(accept(s.listener, moment).ec, std::errc::timed_out) << "an accept ends in time";
      });
}

namespace {

struct Connecting {
  explicit Connecting(std::shared_ptr<Binding> binding = std::make_shared<Binding>()) : state(std::move(binding)) {
    state->listener = LocalListener::bind(state->address);
  }
  const LocalAddress& address() const { return state->address; }

  std::shared_ptr<Binding> state;
  LocalStream client;
};

template <class Connect>
Prepared connect_by(std::shared_ptr<Connecting> state, Connect connect) {
  return prepared(std::move(state), connect, [](Connecting& s, const std::error_code& ec) {
    EXPECT_TRUE(!ec || !s.client.is_open());
    if (s.client.is_open()) expect_meeting(s.state->listener, s.client);
    expect_meeting(s.state->listener);
  });
}

}  // namespace

Prepared connect_with(const ConnectOptions& options, std::shared_ptr<Binding> state) {
  return connect_by(std::make_shared<Connecting>(std::move(state)), [options](Connecting& s) {
    std::error_code ec;
    s.client = LocalStream::connect(s.address(), 10s, options, ec);
    EXPECT_EQ(s.client.is_open(), !ec);
    return ec;
  });
}

namespace {

std::shared_ptr<Binding> after_a_dead_listener() {
  auto state = std::make_shared<Binding>();
  LocalListener dead = LocalListener::bind(state->address);
  close_handle(dead.release());
  return state;
}

struct Accepting {
  explicit Accepting(const ListenOptions& options = {}) : listener(listening(options)) {}
  LocalListener listener;
  LocalStream client = LocalStream::connect(listener.local_address(), 10s);
  LocalStream server;
};

/// accept, and the client is not lost where it failed.
template <class Accept>
Prepared accept_by(const ListenOptions& options, Accept accept) {
  return prepared(std::make_shared<Accepting>(options), accept, [](Accepting& s, const std::error_code&) {
    if (!s.server.is_open()) s.server = s.listener.accept(10s);
    expect_connected(s.client, s.server);
    s.server.close();
    expect_meeting(s.listener);
  });
}

std::error_code plain_accept(Accepting& s) {
  std::error_code ec;
  s.server = s.listener.accept(10s, ec);
  return ec;
}

const bool listeners = add_calls({
    {"bind", [] { return bind_with({}); }},
    {"bind after a dead listener", [] { return bind_with({}, after_a_dead_listener()); }},
    {"bind with every option",
     [] {
       auto state = std::make_shared<Binding>();
       state->address = open_address();
       return bind_with({.access = Access::everyone,
                         .backlog = 2,
                         .max_connections = 3,
                         .direction = Direction::client_to_server,
                         .buffer_size = 4096},
                        state);
     }},
    {"bind to a live address",
     [] {
       auto state = std::make_shared<Accepting>();
       return prepared(
           state, [](Accepting& s) { return bind_outcome(s.listener.local_address()); },
           [](Accepting& s, const std::error_code& ec) {
             // Without one it was told that the listener is dead, and that nobody can check any further.
             if (ec) expect_meeting(s.listener, s.client);
           });
     }},
    {"bind in the throwing form",
     [] {
       return prepared(
           std::make_shared<Binding>(), [](Binding& s) { s.listener = LocalListener::bind(s.address); },
           [](Binding& s, const std::error_code& ec) {
             EXPECT_EQ(s.listener.is_open(), !ec);
             if (ec) s.listener = LocalListener::bind(s.address);
             expect_meeting(s.listener);
           });
     }},
    {"accept", [] { return accept_by({}, plain_accept); }},
    {"accept with every option", [] { return accept_by({.max_connections = 1, .buffer_size = 4096}, plain_accept); }},
    {"accept in the throwing form",
     [] { return accept_by({.max_connections = 1}, [](Accepting& s) { s.server = s.listener.accept(10s); }); }},
    {"incoming",
     [] {
       return accept_by({.max_connections = 1}, [](Accepting& s) {
         for (LocalStream server : s.listener.incoming(20ms)) {
           s.server = std::move(server);
           break;
         }
       });
     }},
    {"accept that waits in vain",
     [] {
       return prepared(
           std::make_shared<Binding>(Binding{LocalAddress(), listening({.max_connections = 1})}),
           [](Binding& s) { return accept(s.listener, moment).ec; },
           [](Binding& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             expect_meeting(s.listener);
           });
     }},
    {"accept at the limit",
     [] {
       auto state = std::make_shared<Accepting>(ListenOptions{.max_connections = 1});
       state->server = state->listener.accept();
       return prepared(
           state, [](Accepting& s) { return accept(s.listener, moment).ec; },
           [](Accepting& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             expect_connected(s.client, s.server);
             s.server.close();
             expect_meeting(s.listener);
           });
     }},
    {"duplicate at the limit",
     [] {
       auto state = std::make_shared<Accepting>(ListenOptions{.max_connections = 1});
       state->server = state->listener.accept();
       return prepared(
           state,
           [](Accepting& s) {
             std::error_code ec;
             LocalStream copy = s.server.duplicate(ec);
             return ec;
           },
           [](Accepting& s, const std::error_code&) {
             EXPECT_CODE(accept(s.listener, 0s).ec, std::errc::timed_out) << "the stream has the only permit";
             expect_connected(s.client, s.server);
             s.server.close();
             expect_meeting(s.listener);
           });
     }},
    {"close of a listener",
     [] {
       auto state = std::make_shared<Binding>();
       state->listener = LocalListener::bind(state->address);
       return prepared(
           state, [](Binding& s) { s.listener.close(); },
           [](Binding& s, const std::error_code&) {
             EXPECT_FALSE(s.listener.is_open());
             s.listener = LocalListener::bind(s.address);
             expect_meeting(s.listener);
           });
     }},
    {"adopt a listener",
     [] {
       struct Adopting : Binding {
         NativeHandle handle = invalid_handle;
       };
       auto state = std::make_shared<Adopting>();
       state->handle = LocalListener::bind(state->address).release();
       return prepared(
           state,
           [](Adopting& s) {
             std::error_code ec;
             s.listener = LocalListener::adopt(s.handle, s.address, ec);
             return ec;
           },
           [](Adopting& s, const std::error_code&) {
             if (!s.listener.is_open()) {
               EXPECT_TRUE(is_open_handle(s.handle)) << "it stays the caller's";
               s.listener = LocalListener::adopt(s.handle, s.address);
             }
             expect_meeting(s.listener);
             // Its file stays; whoever binds next takes it away.
             s.listener.close();
             s.listener = LocalListener::bind(s.address);
           });
     }},
});

const bool connecting = add_calls({
    {"connect", [] { return connect_with({}); }},
    {"connect with every option", [] { return connect_with({.trust = Trust::same_user}); }},
    {"connect in the throwing form",
     [] {
       return connect_by(std::make_shared<Connecting>(),
                         [](Connecting& s) { s.client = LocalStream::connect(s.address(), 10s); });
     }},
    {"connect that finds nobody",
     [] {
       return prepared(
           std::make_shared<Binding>(), [](Binding& s) { return connect(s.address, moment).ec; },
           [](Binding& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             s.listener = LocalListener::bind(s.address);
             expect_meeting(s.listener);
           });
     }},
    {"connect to a busy listener",
     [] {
       auto state = std::make_shared<std::pair<LocalListener, std::vector<LocalStream>>>();
       state->first = listening({.backlog = 1});
       state->second = fill_backlog(state->first);
       return prepared(
           state, [](auto& s) { return connect(s.first.local_address(), moment).ec; },
           [](auto& s, const std::error_code& ec) {
             EXPECT_TRUE(ec);
             for (std::size_t i = 0; i < s.second.size(); ++i) s.first.accept(10s);
             expect_meeting(s.first);
           });
     }},
    {"ChildOutput",
     [] {
       return connect_by(std::make_shared<Connecting>(), [](Connecting& s) {
         std::error_code ec;
         ChildOutput output = ChildOutput::connect(s.address(), 10s, {}, ec);
         if (!ec) output.write_all(bytes_of("output"), 10s, ec);
         return ec;
       });
     }},
    {"pair",
     [] {
       return prepared(
           std::make_shared<Ends>(),
           [](Ends& s) {
             std::error_code ec;
             std::tie(s.client, s.server) = LocalStream::pair(ec);
             return ec;
           },
           [](Ends& s, const std::error_code& ec) {
             EXPECT_EQ(s.client.is_open(), !ec);
             if (ec) std::tie(s.client, s.server) = LocalStream::pair();
             expect_connected(s.client, s.server);
           });
     }},
});

}  // namespace
}  // namespace localsocket::test
