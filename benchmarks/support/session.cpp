#include "session.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>

namespace bench {

int run(int argc, char** argv, std::span<const Workload> workloads) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (arguments.size() != 6 && arguments.size() != 7) {
    std::cerr << "usage: " << argv[0] << " serve|drive WORKLOAD ADDRESS SIZE COUNT [CONNECTIONS]\n";
    return 2;
  }
  try {
    const auto workload = std::ranges::find(workloads, arguments[2], &Workload::name);
    const bool serves = arguments[1] == std::string_view("serve");
    const auto act = workload == workloads.end() ? nullptr : serves ? workload->serve : workload->drive;
    if (act == nullptr) {
      std::cerr << argv[0] << ": cannot " << arguments[1] << ' ' << arguments[2] << '\n';
      return 2;
    }
    act({.address = arguments[3],
         .size = std::stoul(arguments[4]),
         .count = std::stoul(arguments[5]),
         .connections = arguments.size() > 6 ? std::stoul(arguments[6]) : 0});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
  }
}

void say_ready() { std::cout << "ready" << std::endl; }

}  // namespace bench
