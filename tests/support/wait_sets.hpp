// What a wait reports.
#pragma once

#include <cstddef>
#include <localsocket/wait_set.hpp>
#include <vector>

#include "support/test.hpp"

namespace localsocket::test {

/// The keys that one wait reports.
inline std::vector<WaitSet::Key> keys_of(WaitSet& set, const Wait& wait = 0s, std::size_t most = 64) {
  std::vector<WaitSet::Report> reports(most);
  reports.resize(set.wait(reports, wait));
  std::vector<WaitSet::Key> keys;
  for (const WaitSet::Report& report : reports) keys.push_back(report.key);
  return keys;
}

}  // namespace localsocket::test
