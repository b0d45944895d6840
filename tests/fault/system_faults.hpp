// How system calls can fail, a row for each: what its manual page lists and what can happen to this library.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/seams.hpp"

namespace localsocket::test {

struct SystemFault {
  localsocket::detail::seams::Fault fault;
  bool passes = false;  ///< it says "again", and ends some time; any other may last
};

/// The ways in which the system call can go wrong in that public call; nothing at all if it is not in the table.
std::optional<std::vector<SystemFault>> faults_of(std::string_view name, std::string_view public_call);

/// Whether a file is left when this call fails, because it is the one that would take it away.
bool removes_a_file(std::string_view name);

}  // namespace localsocket::test
