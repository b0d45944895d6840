// System calls that fail as they hardly ever do, where the library is built for the tests.
#pragma once

#include <cstdint>
#include <string_view>

namespace localsocket::test {

/// While it lives, each call of that name but the first `passing` ones, on whichever thread, fails: it returns
/// `result`, and leaves `error` as the system's error. Two at a time, at most.
class FailingCall {
 public:
  FailingCall(std::string_view name, std::intptr_t result, int error, unsigned passing = 0);
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;
  ~FailingCall();

 private:
  std::string_view name_;
};

}  // namespace localsocket::test
