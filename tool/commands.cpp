#include "commands.hpp"

#include <exception>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "end_by_signal.hpp"
#include "joining.hpp"

using localsocket::LocalAddress;
using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::Presence;
using localsocket::Wait;

namespace tool {
namespace {

/// As the command line says, else `otherwise`.
Wait wait_of(const Arguments& arguments, const Wait& otherwise) {
  return arguments.timeout ? Wait(std::chrono::duration<double>(*arguments.timeout)) : otherwise;
}

LocalStream connect_to(const std::string& address, const Arguments& arguments) {
  return LocalStream::connect(address, wait_of(arguments, localsocket::default_connect_timeout), arguments.connect);
}

/// The system's form of it as text: an abstract name begins with a NUL.
std::string printed(const LocalAddress& address) {
  std::string text = address.native();
  if (text.starts_with('\0')) text.front() = '@';
  return text;
}

std::shared_ptr<LocalListener> listen_at(const Arguments& arguments) {
  localsocket::ListenOptions options = arguments.listen;
  // So that the end of a direction can be passed on.
  options.windows.half_close = true;
  auto listener = std::make_shared<LocalListener>(LocalListener::bind(arguments.address, options));
  close_when_asked_to_end(listener);
  if (arguments.verbose) std::cerr << "listening on " << printed(listener->local_address()) << std::endl;
  return listener;
}

void join_standard_streams_with(LocalStream stream, const Arguments& arguments) {
  Progress progress(arguments.progress);
  join_standard_streams(std::move(stream), arguments.close_at_end,
                        [&](Way way, std::span<const std::byte> bytes) { progress.see(way, bytes); });
}

/// Connects a client to the target and carries what they say until both have ended.
void relay(LocalStream& client, const Arguments& arguments, unsigned number, Progress& progress) {
  LocalStream server = connect_to(arguments.target, arguments);
  Dump dump(arguments.dump, number);
  const std::error_code ec = join(client, server, [&](Way way, std::span<const std::byte> bytes) {
    dump.see(way, bytes);
    progress.see(way, bytes);
  });
  if (ec) throw std::system_error(ec, "a relayed connection broke");
}

}  // namespace

ExitStatus status_of(const std::error_code& ec) {
  if (ec == localsocket::Errc::invalid_address || ec == std::errc::filename_too_long ||
      ec == std::errc::invalid_argument) {
    return ExitStatus::usage;
  }
  if (ec == std::errc::connection_refused) return ExitStatus::nobody_listens;
  if (ec == std::errc::timed_out) return ExitStatus::timed_out;
  if (ec == std::errc::permission_denied) return ExitStatus::permission_denied;
  if (ec == std::errc::address_in_use) return ExitStatus::address_in_use;
  return ExitStatus::broken;
}

ExitStatus run_listen(const Arguments& arguments) {
  const std::shared_ptr<LocalListener> listener = listen_at(arguments);
  LocalStream stream = listener->accept(wait_of(arguments, Wait()));
  // One client is all: whoever comes later is told so.
  listener->close();
  join_standard_streams_with(std::move(stream), arguments);
  return ExitStatus::done;
}

ExitStatus run_connect(const Arguments& arguments) {
  join_standard_streams_with(connect_to(arguments.address, arguments), arguments);
  return ExitStatus::done;
}

ExitStatus run_relay(const Arguments& arguments) {
  const std::shared_ptr<LocalListener> listener = listen_at(arguments);
  Progress progress(arguments.progress);
  if (arguments.once) {
    LocalStream client = listener->accept(wait_of(arguments, Wait()));
    listener->close();
    relay(client, arguments, 1, progress);
    return ExitStatus::done;
  }
  unsigned number = 0;
  for (LocalStream client : listener->incoming()) {
    // The process ends by a signal alone, and these threads with it.
    std::thread([&arguments, &progress, number = ++number, stream = std::move(client)]() mutable {
      try {
        relay(stream, arguments, number, progress);
      } catch (const std::exception& error) {
        std::cerr << "localsocket: client " << number << ": " << error.what() << std::endl;
      }
    }).detach();
  }
  return ExitStatus::done;
}

ExitStatus run_probe(const Arguments& arguments) {
  const Presence presence = localsocket::probe(arguments.address);
  std::cout << presence << '\n';
  switch (presence) {
    case Presence::listening:
      return ExitStatus::done;
    case Presence::nobody:
    case Presence::stale:
      return ExitStatus::nobody_listens;
    case Presence::permission_denied:
      return ExitStatus::permission_denied;
  }
  return ExitStatus::broken;
}

ExitStatus run_peer(const Arguments& arguments) {
  const LocalStream stream = connect_to(arguments.address, arguments);
  std::cout << stream.peer() << '\n';
  return ExitStatus::done;
}

ExitStatus run_address(const Arguments& arguments) {
  const LocalAddress address = arguments.address;
  if (address.error()) throw std::system_error(address.error(), '"' + arguments.address + '"');
  std::cout << printed(address) << '\n';
  return ExitStatus::done;
}

}  // namespace tool
