// Blocking send and recv with the time-outs of the socket: a call ends, but nothing ends it sooner.

#include "session.hpp"
#include "socket.hpp"
#include "stream_workloads.hpp"

#include <sys/time.h>

namespace {

struct Timed {
  static constexpr int flags = 0;
  static void prepare(int descriptor) {
    const timeval time{.tv_sec = 5, .tv_usec = 0};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      bench::posix::check(::setsockopt(descriptor, SOL_SOCKET, option, &time, sizeof time), "setsockopt");
    }
  }
  static void wait(int /*descriptor*/, short /*events*/) noexcept {}
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::posix::Transport<Timed>>);
}
