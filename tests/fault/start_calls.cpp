// Who is there, and one server for many clients.
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "fault/calls.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

CHILD_PROCESS(end_at_once) { return 0; }

std::shared_ptr<Binding> with_listener() {
  auto state = std::make_shared<Binding>();
  state->listener = LocalListener::bind(state->address);
  return state;
}

/// A question about a listener, which serves on.
template <class Ask>
Prepared ask(Ask ask) {
  return prepared(
      with_listener(),
      [ask](Binding& s) {
        std::error_code ec;
        ask(s, ec);
        return ec;
      },
      [](Binding& s, const std::error_code&) { expect_meeting(s.listener); });
}

/// A question about the process at the other end, which is this one.
template <class Ask>
Prepared ask_of_process(Ask ask) {
  struct State {
    Ends ends = connected_ends();
    PeerProcess process = ends.server.peer_process();
  };
  return prepared(
      std::make_shared<State>(),
      [ask](State& s) {
        std::error_code ec;
        ask(s, ec);
        return ec;
      },
      [](State& s, const std::error_code&) {
        EXPECT_TRUE(s.ends.server.peer_process().is_alive());
        expect_connected(s.ends.client, s.ends.server);
      });
}

const bool questions = add_calls({
    {"probe of a listener", [] { return ask([](Binding& s, std::error_code& ec) { probe(s.address, ec); }); }},
    {"probe of nobody", [] { return ask([](Binding&, std::error_code& ec) { probe(LocalAddress::unique(), ec); }); }},
    {"still_owns_address",
     [] { return ask([](Binding& s, std::error_code& ec) { EXPECT_TRUE(s.listener.still_owns_address(ec) || ec); }); }},
    {"peer_process",
     [] {
       return ask_of_process([](auto& s, std::error_code& ec) {
         const PeerProcess process = s.ends.client.peer_process(ec);
         EXPECT_TRUE(ec || process.process_id() != 0);
       });
     }},
    {"peer_process that must be exact",
     [] {
       return ask_of_process([](auto& s, std::error_code& ec) {
         const PeerProcess process = s.ends.client.peer_process(Exactness::required, ec);
         EXPECT_TRUE(ec || process.is_exact());
       });
     }},
    {"is_alive",
     [] { return ask_of_process([](auto& s, std::error_code& ec) { EXPECT_TRUE(s.process.is_alive(ec) || ec); }); }},
    {"wait_for_exit in vain",
     [] {
       return ask_of_process([](auto& s, std::error_code& ec) { EXPECT_FALSE(s.process.wait_for_exit(moment, ec)); });
     }},
});

/// Whoever has an address and does not listen is waited for, as what fails again and again seems to be.
constexpr std::chrono::milliseconds patience{100};

/// Of a listener that could not make ready for more than one client, the one that has left must be taken first.
void take_who_has_left(LocalListener& listener) {
  while (accept(listener, 0s).stream.is_open()) {
  }
}

/// What bind_or_connect gives when nobody listens, or by its wait for whoever does.
Prepared bind_or_connect_once(std::shared_ptr<Binding> state) {
  return prepared(
      std::move(state),
      [](Binding& s) {
        std::error_code ec;
        auto role = bind_or_connect(s.address, patience, ec);
        if (auto* const listener = std::get_if<LocalListener>(&role); listener != nullptr && !ec) {
          s.listener = std::move(*listener);
        }
        return ec;
      },
      [](Binding& s, const std::error_code&) {
        if (!s.listener.is_open()) s.listener = LocalListener::bind(s.address);
        take_who_has_left(s.listener);
        expect_meeting(s.listener);
      });
}

/// connect_or_start, of which the start binds in this process.
Prepared start_by(std::shared_ptr<Binding> state) {
  return prepared(
      std::move(state),
      [](Binding& s) {
        const Starter start = [&s] {
          std::error_code ec;
          s.listener = LocalListener::bind(s.address, ec);
          return ec;
        };
        std::error_code ec;
        LocalStream client = connect_or_start(s.address, start, patience, ec);
        EXPECT_EQ(client.is_open(), !ec);
        return ec;
      },
      [](Binding& s, const std::error_code&) {
        if (!s.listener.is_open()) s.listener = LocalListener::bind(s.address);
        take_who_has_left(s.listener);
        expect_meeting(s.listener);
        s.listener.close();
        int calls = 0;
        std::error_code ec;
        connect_or_start(
            s.address, [&] { ++calls; }, 0s, ec);
        EXPECT_EQ(calls, 1) << "nobody has the lock";
      });
}

const bool starting = add_calls({
    {"bind_or_connect when nobody listens", [] { return bind_or_connect_once(std::make_shared<Binding>()); }},
    {"bind_or_connect when somebody listens", [] { return bind_or_connect_once(with_listener()); }},
    {"start when nobody listens", [] { return start_by(std::make_shared<Binding>()); }},
    {"start when somebody listens", [] { return start_by(with_listener()); }},
    {"start of a program",
     [] {
       return prepared(
           std::make_shared<DetachedProcess>(DetachedProcess{child_command_line("end_at_once")}),
           [](DetachedProcess& process) { return process(); },
           [](DetachedProcess& process, const std::error_code&) { EXPECT_CODE(process(), success); });
     }},
});

}  // namespace
}  // namespace localsocket::test
