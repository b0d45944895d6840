// What calls lock. The program's own pthread_mutex_lock stands in front of the system's, as the dynamic linker has it.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <pthread.h>

#include <localsocket/localsocket.hpp>

#include <array>
#include <atomic>
#include <mutex>

namespace {

std::atomic<unsigned> locks{0};

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const auto next = reinterpret_cast<int (*)(pthread_mutex_t*)>(::dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return next(mutex);
}

namespace localsocket::test {
namespace {

using namespace std::chrono_literals;

template <class Body>
unsigned locks_of(Body body) {
  const unsigned before = locks;
  body();
  return locks - before;
}

TEST(CostOfLocks, TheCounterCounts) {
  std::mutex mutex;
  EXPECT_EQ(locks_of([&] { const std::lock_guard lock(mutex); }), 1U);
}

TEST(CostOfLocks, AReadyReadOrWriteLocksNothing) {
  auto ends = LocalStream::pair();
  LocalStream& client = ends.first;
  LocalStream& server = ends.second;
  client.set_write_timeout(1h);
  server.set_read_timeout(1h);
  std::array<std::byte, 64> buffer{};
  const stop_source stop;
  EXPECT_EQ(locks_of([&] {
              client.write_all(buffer, {1h, stop.get_token()});
              server.read_exact(buffer, {1h, stop.get_token()});
            }),
            0U);
}

TEST(CostOfLocks, ABatchedMessageLocksNothing) {
  auto [client, server] = LocalStream::pair();
  MessageStream sender(std::move(client));
  MessageStream receiver(std::move(server));
  MessageBatch batch(sender);
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) batch.add("message");
  };
  EXPECT_EQ(locks_of(fill), 0U);
  const unsigned of_one_flush = locks_of([&] { batch.flush(); });
  fill();
  fill();
  EXPECT_EQ(locks_of([&] { batch.flush(); }), of_one_flush);
}

TEST(CostOfLocks, AWaitLocksTwice) {
  auto ends = LocalStream::pair();
  LocalStream& server = ends.second;
  std::array<std::byte, 1> buffer{};
  std::error_code ec;
  server.read_some(buffer, 30ms, ec);  // makes the thread's waker
  // To enter the list of those who wait, and to leave it.
  EXPECT_EQ(locks_of([&] { server.read_some(buffer, 30ms, ec); }), 2U);
}

}  // namespace
}  // namespace localsocket::test
