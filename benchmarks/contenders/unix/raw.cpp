// Blocking send and recv: what everything else is compared with.

#include "session.hpp"
#include "socket.hpp"
#include "stream_workloads.hpp"

int main(int argc, char** argv) {
  return bench::run(argc, argv, bench::stream_workloads<bench::posix::Transport<bench::posix::Blocking>>);
}
