#include "../end_by_signal.hpp"

#include <pthread.h>

#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

namespace tool {
namespace {

std::mutex ending;  // held from the signal until the process is dead

/// Those that would end the process: who starts it in the background, or with nohup, may have it ignore some.
sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) sigaddset(&signals, signal);
  }
  return signals;
}

}  // namespace

void close_when_asked_to_end(std::shared_ptr<localsocket::LocalListener> listener) {
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, listener = std::move(listener)] {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) return;
    ending.lock();
    listener->close();
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    std::raise(signal);
  }).detach();
}

void wait_if_asked_to_end() { const std::scoped_lock lock(ending); }

}  // namespace tool
