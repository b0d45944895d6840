// Programs of others that a test talks with, where they are installed.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

namespace localsocket::test {

/// The path of an installed program; empty, if there is none. LOCALSOCKET_NODE may name a node.exe.
inline std::string installed_program(const std::string& name) {
  std::error_code ec;
  const char* const node = std::getenv("LOCALSOCKET_NODE");
  if (name == "node" && node != nullptr && std::filesystem::exists(node, ec)) return node;
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string program = directory + "/" + name;
    if (std::filesystem::is_regular_file(program, ec)) return program;
  }
  return {};
}

#define SKIP_WITHOUT_PROGRAM(name) \
  if (::localsocket::test::installed_program(name).empty()) GTEST_SKIP() << "there is no " << (name)

}  // namespace localsocket::test
