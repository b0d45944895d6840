// A bare epoll loop of the system's own calls, and the client that drives every server of many connections.

#include "framing.hpp"
#include "measurement.hpp"
#include "session.hpp"
#include "socket.hpp"

#include <sys/epoll.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using bench::Clock;
using bench::expect;
using bench::Session;
using bench::posix::check;
using bench::posix::Descriptor;

class Epoll {
 public:
  void add(int descriptor, std::uint64_t key) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = key;
    check(::epoll_ctl(queue_.get(), EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
  }

  std::span<const epoll_event> wait() {
    const int count = ::epoll_wait(queue_.get(), events_.data(), static_cast<int>(events_.size()), -1);
    return std::span(events_).first(static_cast<std::size_t>(check(count, "epoll_wait")));
  }

 private:
  Descriptor queue_ = Descriptor(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  std::vector<epoll_event> events_ = std::vector<epoll_event>(bench::reports_at_once);
};

std::size_t receive(int descriptor, std::span<std::byte> buffer) {
  return static_cast<std::size_t>(check(::recv(descriptor, buffer.data(), buffer.size(), MSG_DONTWAIT), "recv"));
}

void send(int descriptor, std::span<const std::byte> bytes) {
  const ssize_t n = ::send(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  expect(static_cast<std::size_t>(check(n, "send")) == bytes.size(), "the peer does not read");
}

void serve(const Session& session) {
  constexpr std::uint64_t listener_key = -1;
  const Descriptor listener = bench::posix::open_listener(session.address);
  Epoll epoll;
  epoll.add(listener.get(), listener_key);
  bench::say_ready();
  std::vector<Descriptor> connections;
  const auto buffer = std::make_unique<bench::PageBuffer>();
  for (std::size_t left = session.connections;;) {
    for (const epoll_event& event : epoll.wait()) {
      if (event.data.u64 == listener_key) {
        connections.emplace_back(check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept"));
        epoll.add(connections.back().get(), connections.size() - 1);
        continue;
      }
      Descriptor& connection = connections[event.data.u64];
      if (const std::size_t n = receive(connection.get(), buffer->bytes); n > 0) {
        send(connection.get(), std::span(buffer->bytes).first(n));
        continue;
      }
      connection = Descriptor(-1);
      if (--left == 0) return;
    }
  }
}

/// The processor time of the process that listens at the other end.
class ServerTime {
 public:
  explicit ServerTime(int connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    check(::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size), "getsockopt");
    expect(::clock_getcpuclockid(peer.pid, &clock_) == 0, "no clock of the server");
  }

  /// Once the server has nothing to do: of a thread that runs the kernel tells it only as of the last tick.
  Clock::duration when_idle() const {
    for (Clock::duration before = now();;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (before == std::exchange(before, now())) return before;
    }
  }

 private:
  Clock::duration now() const {
    timespec time{};
    check(::clock_gettime(clock_, &time), "clock_gettime");
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  clockid_t clock_{};
};

/// Keeps a request under way on each connection.
class Load {
 public:
  explicit Load(const Session& session) : request_(session.size) {
    for (std::size_t i = 0; i < session.connections; ++i) {
      clients_.push_back({.socket = bench::posix::connect(session.address)});
      epoll_.add(clients_.back().socket.get(), i);
    }
  }

  const Descriptor& any_socket() const { return clients_.front().socket; }

  /// Until so many have been answered, and none is under way.
  void run(std::size_t requests, bench::Times& times) {
    to_send_ = requests;
    for (Client& client : clients_) send_next(client);
    for (std::size_t left = requests; left > 0;) {
      for (const epoll_event& event : epoll_.wait()) {
        Client& client = clients_[event.data.u64];
        if (!receive_answer(client)) continue;
        times.add(Clock::now() - client.sent_at);
        send_next(client);
        --left;
      }
    }
  }

 private:
  struct Client {
    Descriptor socket;
    std::size_t received = 0;
    Clock::time_point sent_at{};
  };

  void send_next(Client& client) {
    if (to_send_ == 0) return;
    --to_send_;
    client.sent_at = Clock::now();
    send(client.socket.get(), request_);
  }

  /// Whether it is whole.
  bool receive_answer(Client& client) {
    const std::size_t n = receive(client.socket.get(), buffer_->bytes);
    expect(n > 0, "the server left");
    client.received += n;
    if (client.received < request_.size()) return false;
    client.received = 0;
    return true;
  }

  std::vector<std::byte> request_;
  std::unique_ptr<bench::PageBuffer> buffer_ = std::make_unique<bench::PageBuffer>();
  std::vector<Client> clients_;
  Epoll epoll_;
  std::size_t to_send_ = 0;
};

void measure(Load& load, const ServerTime& server, const Session& session) {
  constexpr std::size_t least_to_warm_up = 1000;
  const std::size_t warm_up = std::max(session.connections, least_to_warm_up);
  bench::Times times(std::max(session.count, warm_up));
  load.run(warm_up, times);
  times.clear();
  const Clock::duration before = server.when_idle();
  const Clock::time_point start = Clock::now();
  load.run(session.count, times);
  const Clock::duration together = Clock::now() - start;
  times.report(together, server.when_idle() - before);
}

/// Once, and again for each line of the standard input: servers can take turns.
void drive(const Session& session) {
  Load load(session);
  const ServerTime server(load.any_socket().get());
  std::string line;
  do {
    measure(load, server, session);
  } while (std::getline(std::cin, line));
}

constexpr std::array workloads{
    bench::Workload{"many", serve, drive},
    bench::Workload{"idle", serve, nullptr},
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, workloads); }
