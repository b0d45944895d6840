// This library with many connections on one thread.

#include "framing.hpp"
#include "session.hpp"

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

namespace {

using bench::Session;
using localsocket::LocalListener;
using localsocket::LocalStream;
using localsocket::WaitSet;
using namespace std::chrono_literals;

/// False: the client has left.
bool echo(LocalStream& stream, std::span<std::byte> buffer) {
  std::error_code ec;
  const std::size_t n = stream.read_some(buffer, 0s, ec);
  if (n > 0) stream.write_all(buffer.first(n), 0s, ec);
  if (ec) throw std::system_error(ec, "echo");
  return n > 0;
}

void serve(const Session& session) {
  constexpr WaitSet::Key listener_key = -1;
  LocalListener listener = LocalListener::bind(session.address);
  WaitSet waiting;
  waiting.add(listener_key, listener);
  bench::say_ready();
  std::vector<LocalStream> streams;
  const auto buffer = std::make_unique<bench::PageBuffer>();
  std::vector<WaitSet::Report> reports(bench::reports_at_once);
  for (std::size_t left = session.connections;;) {
    const std::size_t count = waiting.wait(reports);
    for (const WaitSet::Report& report : std::span(reports).first(count)) {
      if (report.key == listener_key) {
        streams.push_back(listener.accept(0s));
        waiting.add(streams.size() - 1, streams.back());
        continue;
      }
      if (echo(streams[report.key], buffer->bytes)) continue;
      waiting.remove(report.key);
      streams[report.key].close();
      if (--left == 0) return;
    }
  }
}

constexpr std::array workloads{
    bench::Workload{"many", serve, nullptr},
    bench::Workload{"idle", serve, nullptr},
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
