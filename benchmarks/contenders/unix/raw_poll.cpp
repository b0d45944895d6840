// poll before each send and recv, as one does who wants time-outs.

#include "session.hpp"
#include "socket.hpp"
#include "stream_workloads.hpp"

namespace {

struct Polling {
  static constexpr int flags = MSG_DONTWAIT;
  static void prepare(int /*descriptor*/) noexcept {}
  static void wait(int descriptor, short events) {
    constexpr int milliseconds = 5000;
    pollfd entry{.fd = descriptor, .events = events, .revents = 0};
    bench::expect(bench::posix::check(::poll(&entry, 1, milliseconds), "poll") > 0, "timed out");
  }
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::posix::Transport<Polling>>);
}
