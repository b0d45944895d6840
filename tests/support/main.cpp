#include <gmock/gmock.h>

#include "support/leaks.hpp"
#include "support/process.hpp"
#include "support/watchdog.hpp"

int main(int argc, char** argv) {
  if (const auto exit_code = localsocket::test::run_as_child(argc, argv)) return *exit_code;
  ::testing::InitGoogleMock(&argc, argv);
  localsocket::test::look_for_leaks();
  localsocket::test::watch_every_test();
  return RUN_ALL_TESTS();
}
