// This library with all that can end a call: the stream's time-outs, and in each call a time-out and a stop token.

#include "localsocket.hpp"
#include "session.hpp"
#include "stream_workloads.hpp"

#include <chrono>
#include <localsocket/stop_token.hpp>

namespace {

using namespace std::chrono_literals;

struct Timed {
  static void prepare(localsocket::LocalStream& stream) {
    stream.set_read_timeout(5s);
    stream.set_write_timeout(5s);
  }
  static const localsocket::Wait& wait() noexcept { return all_; }
  static const localsocket::Wait& connect_wait() noexcept { return all_; }

 private:
  inline static localsocket::stop_source stop_;
  inline static const localsocket::Wait all_{5s, stop_.get_token()};
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::LocalsocketTransport<Timed>>);
}
