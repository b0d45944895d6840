// The command line that all contenders have in common:
//
//     PROGRAM serve|drive WORKLOAD ADDRESS SIZE COUNT [CONNECTIONS]
//
// A server prints "ready" once clients can connect, and ends by itself when the agreed work is done. A client prints
// its measurement as one line of JSON. SIZE is in bytes, COUNT in operations, and CONNECTIONS is of the workload
// "many".
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace bench {

struct Session {
  std::string address;
  std::size_t size = 0;
  std::size_t count = 0;
  std::size_t connections = 0;  // a server that is told none serves for ever
};

struct Workload {
  std::string_view name;
  void (*serve)(const Session& session);
  void (*drive)(const Session& session);  // none: another contender's client does it
};

/// Clients of the workload "clients".
inline constexpr std::size_t concurrent_clients = 100;

/// How many ready connections a server of the workload "many" is told of at once: as many as libuv is.
inline constexpr std::size_t reports_at_once = 1024;

/// Does what the command line says; the result is main's.
int run(int argc, char** argv, std::span<const Workload> workloads);

void say_ready();

}  // namespace bench
