// What each word of the command line does.
#pragma once

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <system_error>

#include "observers.hpp"

namespace tool {

enum class ExitStatus : int {
  done = 0,
  broken = 1,
  usage = 2,
  nobody_listens = 3,
  timed_out = 4,
  permission_denied = 5,
  address_in_use = 6,
};

ExitStatus status_of(const std::error_code& ec);

/// What the command line says.
struct Arguments {
  std::string address;
  std::string target;             ///< of relay: where to connect to
  std::optional<double> timeout;  ///< seconds, of connect and accept
  localsocket::ListenOptions listen;
  localsocket::ConnectOptions connect;
  DumpForm dump = DumpForm::none;
  bool close_at_end = false;
  bool once = false;
  bool progress = false;
  bool verbose = false;
};

// Each throws std::system_error for what goes wrong.
ExitStatus run_listen(const Arguments& arguments);
ExitStatus run_connect(const Arguments& arguments);
ExitStatus run_relay(const Arguments& arguments);
ExitStatus run_probe(const Arguments& arguments);
ExitStatus run_peer(const Arguments& arguments);
ExitStatus run_address(const Arguments& arguments);

}  // namespace tool
