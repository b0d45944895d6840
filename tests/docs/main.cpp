// Runs the pages' programs, or the one whose place begins with the argument, in a main that lives on when it throws.
#include <exception>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "context.hpp"

namespace {

std::vector<std::pair<std::string_view, void (*)()>>& programs() {
  static std::vector<std::pair<std::string_view, void (*)()>> all;
  return all;
}

}  // namespace

bool docs::add(const char* where, void (*program)()) {
  programs().emplace_back(where, program);
  return true;
}

int main(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  std::size_t ran = 0;
  for (const auto& [where, program] : programs()) {
    if (!where.starts_with(wanted)) continue;
    ++ran;
    if (wanted.empty()) std::cout << "== " << where << std::endl;
    try {
      program();
    } catch (const std::exception& error) {
      std::cout << where << ": " << error.what() << std::endl;
      return 2;
    }
  }
  return ran == 0 ? 1 : 0;
}
