// This library without time-outs.

#include "localsocket.hpp"
#include "session.hpp"
#include "stream_workloads.hpp"

namespace {

struct Untimed {
  static void prepare(localsocket::LocalStream& /*stream*/) noexcept {}
  static const localsocket::Wait& wait() noexcept { return for_ever_; }
  static localsocket::Wait connect_wait() noexcept { return localsocket::default_connect_timeout; }

 private:
  inline static const localsocket::Wait for_ever_;
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::LocalsocketTransport<Untimed>>);
}
