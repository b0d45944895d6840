// Blocking send and recv: what everything else is compared with.

#include "session.hpp"
#include "socket.hpp"
#include "stream_workloads.hpp"

namespace {

struct Blocking {
  static constexpr int flags = 0;
  static void prepare(int /*descriptor*/) noexcept {}
  static void wait(int /*descriptor*/, short /*events*/) noexcept {}
};

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::posix::Transport<Blocking>>);
}
