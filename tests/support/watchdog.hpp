// A test that hangs ends the program, with its name, instead of the whole run.
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace localsocket::test {

/// Aborts the program unless it is destroyed within the limit (times time_factor()).
class Watchdog {
 public:
  static constexpr std::chrono::seconds default_limit{30};

  explicit Watchdog(std::string what, std::chrono::seconds limit = default_limit);
  ~Watchdog();

  /// Gives what is watched as much time again.
  void restart();

 private:
  struct Timer;
  std::unique_ptr<Timer> timer_;
};

/// From now on each test of the program has a watchdog.
void watch_every_test();

/// In a test of many steps, at each of them: the limit is for one step.
void restart_watchdog();

}  // namespace localsocket::test
