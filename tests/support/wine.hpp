// Wine: known at run time, because the same program also runs on Windows.
#pragma once

#include <gtest/gtest.h>

namespace localsocket::test {

/// Whether this program runs under Wine rather than on Windows itself.
bool running_under_wine();

/// Wine's version before its first point; 0 on Windows itself, and elsewhere.
int wine_version();

/// What every time limit of the suite is multiplied with: a call to the Wine server costs many times what a system call
/// does.
inline int time_factor() { return running_under_wine() ? 5 : 1; }

}  // namespace localsocket::test

/// The same for what Wine has learnt with that version.
#define SKIP_BEFORE_WINE(version, lack)                                                             \
  if (::localsocket::test::running_under_wine() && ::localsocket::test::wine_version() < (version)) \
  GTEST_SKIP() << "Wine before " << (version) << ": " << (lack)

/// Ends the test as skipped, when Wine lacks what it tests; `lack` names that.
#define SKIP_UNDER_WINE(lack) \
  if (::localsocket::test::running_under_wine()) GTEST_SKIP() << "Wine: " << (lack)
