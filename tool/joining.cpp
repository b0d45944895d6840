#include "joining.hpp"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "standard_streams.hpp"

using localsocket::Errc;
using localsocket::LocalStream;
using localsocket::Shutdown;

namespace tool {
namespace {

// As much as a pipe takes at once.
constexpr std::size_t chunk = 64 * 1024;

/// The thread that reads standard input, which nothing can interrupt: what it uses is its own.
class Upload {
 public:
  enum class State { reading, writing, ended, failed };

  Upload(LocalStream stream, bool close_at_end, Observer observer)
      : stream_(std::move(stream)), close_at_end_(close_at_end), observer_(std::move(observer)) {}

  LocalStream& stream() { return stream_; }

  void run() noexcept {
    try {
      carry();
      end();
      enter(State::ended);
    } catch (...) {
      failure_ = std::current_exception();
      enter(State::failed);
    }
  }

  /// Waits until the input has ended, or until nobody is there to send it to and nothing comes any more: input that is
  /// at hand is tried, and fails.
  void finish() {
    std::unique_lock lock(mutex_);
    while (state_ == State::reading || state_ == State::writing) {
      const bool idle = changed_.wait_for(lock, std::chrono::milliseconds(100)) == std::cv_status::timeout;
      if (idle && state_ == State::reading && stream_.is_peer_gone()) return;
    }
    if (state_ == State::failed) std::rethrow_exception(failure_);
  }

 private:
  void carry() {
    std::vector<std::byte> buffer(chunk);
    while (const std::size_t count = read_input(buffer)) {
      enter(State::writing);
      const auto bytes = std::span(buffer).first(count);
      observer_(Way::there, bytes);
      stream_.write_all(bytes);
      enter(State::reading);
    }
  }

  void end() {
    std::error_code ec;
    if (close_at_end_) {
      enter(State::ended);
      stream_.drain(ec);
      stream_.close();
      return;
    }
    stream_.shutdown(Shutdown::write, ec);
  }

  void enter(State state) {
    const std::lock_guard lock(mutex_);
    state_ = state;
    changed_.notify_all();
  }

  LocalStream stream_;
  const bool close_at_end_;
  const Observer observer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::reading;
  std::exception_ptr failure_;
};

/// One direction between two connections. Whoever has left altogether ends both directions; who has only ended its
/// writing ends this one.
std::error_code carry(LocalStream& from, LocalStream& to, Way way, const Observer& observer) {
  std::vector<std::byte> buffer(chunk);
  std::error_code ec;
  for (;;) {
    const std::size_t count = from.read_some(buffer, ec);
    // The other direction has closed both, and no bytes are lost by it.
    if (ec == Errc::closed) return {};
    if (ec || count == 0) break;
    const auto bytes = std::span(buffer).first(count);
    observer(way, bytes);
    to.write_all(bytes, ec);
    if (ec) break;
  }
  std::error_code unknown;
  if (ec || from.is_peer_gone(unknown) || unknown) {
    from.close();
    to.close();
  } else {
    to.shutdown(Shutdown::write, unknown);
  }
  return ec;
}
}  // namespace

void join_standard_streams(LocalStream stream, bool close_at_end, const Observer& observer) {
  const auto upload = std::make_shared<Upload>(std::move(stream), close_at_end, observer);
  std::thread([upload] { upload->run(); }).detach();
  std::vector<std::byte> buffer(chunk);
  std::error_code ec;
  while (const std::size_t count = upload->stream().read_some(buffer, ec)) {
    const auto bytes = std::span(buffer).first(count);
    observer(Way::back, bytes);
    write_output(bytes);
  }
  if (ec && ec != Errc::closed) throw std::system_error(ec, "the connection broke");
  upload->finish();
  upload->stream().close();
}

std::error_code join(LocalStream& client, LocalStream& server, const Observer& observer) {
  std::error_code back;
  std::thread other([&] { back = carry(server, client, Way::back, observer); });
  const std::error_code there = carry(client, server, Way::there, observer);
  other.join();
  return there ? there : back;
}

}  // namespace tool
