// What faults are injected into: the public calls, a row each. To test a new call is to add a row.
#pragma once

#include <chrono>
#include <functional>
#include <localsocket/localsocket.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace localsocket::test {

/// Longer than a bounded block, and then in the last phase of a wait.
inline constexpr std::chrono::milliseconds moment{5};

/// One call, with all that it needs.
struct Prepared {
  /// Makes the call, once; throws what it throws, or returns what its error_code form reports.
  std::function<std::error_code()> call;
  /// That afterwards, whatever came of the call, all works, or is closed where the documentation says so.
  std::function<void(const std::error_code& ec)> check;
};

struct CallRow {
  const char* name;
  Prepared (*prepare)();
};

inline std::ostream& operator<<(std::ostream& out, const CallRow& row) { return out << row.name; }

/// As GoogleTest takes it.
std::string test_name(const CallRow& row);

/// Those of every platform, and those that one file or one platform adds.
const std::vector<CallRow>& call_rows();

/// `const bool added = add_calls({…});` adds rows.
bool add_calls(std::vector<CallRow> rows);

/// A Prepared of a state that both functions share.
template <class State, class Call, class Check>
Prepared prepared(std::shared_ptr<State> state, Call call, Check check) {
  return {[state, call]() -> std::error_code {
            if constexpr (std::is_void_v<decltype(call(*state))>) {
              call(*state);
              return {};
            } else {
              return call(*state);
            }
          },
          [state, check](const std::error_code& ec) { check(*state, ec); }};
}

/// What a bind needs, or a connect with the listener there.
struct Binding {
  LocalAddress address = LocalAddress::unique();
  LocalListener listener;
};

/// A bind; the address is free again where it failed.
Prepared bind_with(const ListenOptions& options, std::shared_ptr<Binding> state = std::make_shared<Binding>());

/// A connect; the listener goes on where it failed.
Prepared connect_with(const ConnectOptions& options, std::shared_ptr<Binding> state = std::make_shared<Binding>());

/// That a client and a listener still find each other, perhaps behind clients that have given up.
void expect_meeting(LocalListener& listener, LocalStream& client);
void expect_meeting(LocalListener& listener);

}  // namespace localsocket::test
