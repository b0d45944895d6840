// Asio's event loop: connections as streams of Asio's own, and clients accepted asynchronously. Needs standalone Asio
// 1.22 or newer (on Windows with ws2_32 and mswsock); nothing else here does.
#pragma once

#include <localsocket/listener.hpp>
#include <localsocket/stop_token.hpp>
#include <localsocket/stream.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/compose.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/windows/stream_handle.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI {

/// A connection as Asio knows it: what both platforms' types have in common is an AsyncReadStream and AsyncWriteStream
/// with close, cancel, is_open and get_executor.
#if defined(ASIO_HAS_WINDOWS_STREAM_HANDLE)
using AsioStream = asio::windows::stream_handle;
#else
using AsioStream = asio::local::stream_protocol::socket;
#endif

namespace detail {

inline void assign(AsioStream& to, NativeHandle handle, std::error_code& ec) {
#if defined(ASIO_HAS_WINDOWS_STREAM_HANDLE)
  to.assign(handle, ec);
#else
  to.assign(asio::local::stream_protocol(), handle, ec);
#endif
}

/// Without memory the stream stays as it is; after an error it is closed.
inline void hand_over(LocalStream& stream, AsioStream& to, std::error_code& ec) {
  if (stream.type() == Type::stream) {
    assign(to, stream.native_handle(), ec);
  } else {
    ec = std::make_error_code(std::errc::operation_not_supported);
  }
  if (ec) {
    stream.close();
  } else {
    static_cast<void>(stream.release());
  }
}

}  // namespace detail

/// Hands a connection to an event loop, for good: a pipe that has been with one completion port cannot leave it
/// (CreateIoCompletionPort's documentation).
///
/// No call of the stream may be running. The connection no longer counts among the listener's max_connections. Where
/// nobody is connected the error is bad_file_descriptor, of packets operation_not_supported; after an error the
/// connection is closed.
///
///     asio::io_context loop;
///     AsioStream stream = to_asio(LocalStream::connect("echo", 0s), loop.get_executor());
///     asio::async_write(stream, asio::buffer("hello"), …);
///
/// A connect that tries once (`0s`) does not keep an event loop waiting.
inline AsioStream to_asio(LocalStream stream, const asio::any_io_executor& executor, std::error_code& ec) {
  AsioStream result(executor);
  if (!stream.is_open()) {
    ec = std::make_error_code(std::errc::bad_file_descriptor);
    return result;
  }
  ec.clear();
  detail::hand_over(stream, result, ec);
  return result;
}

inline AsioStream to_asio(LocalStream stream, const asio::any_io_executor& executor) {
  std::error_code ec;
  AsioStream result = to_asio(std::move(stream), executor, ec);
  if (ec) throw std::system_error(ec, "hand a stream to Asio");
  return result;
}

/// Whether a read of an AsioStream ended because the peer closed, with all that it wrote delivered. A socket says eof,
/// or connection_reset if bytes to the peer were never read; a pipe says broken_pipe. (The half-close of pipes is a
/// read of nothing, without an error.)
inline bool is_end_of_stream(const std::error_code& ec) noexcept {
  return ec == asio::error::eof || ec == asio::error::connection_reset || ec == asio::error::broken_pipe;
}

namespace detail {

/// Attempts to connect, with growing pauses between them, until one succeeds or fails for good.
struct AsioConnect {
  LocalAddress address;
  ConnectOptions options;
  asio::any_io_executor executor;
  std::unique_ptr<asio::steady_timer> timer;  // stays where it is when the operation moves
  std::chrono::milliseconds interval{0};

  template <class Self>
  void operator()(Self& self, std::error_code ec = {}) {
    const bool has_begun = interval != std::chrono::milliseconds::zero();
    if (!has_begun) self.reset_cancellation_state(asio::enable_total_cancellation());
    if (ec || self.get_cancellation_state().cancelled() != asio::cancellation_type::none) {
      return self.complete(std::make_error_code(std::errc::operation_canceled), AsioStream(executor));
    }
    LocalStream stream;
    if (has_begun) {
      stream = LocalStream::connect(address, std::chrono::milliseconds::zero(), options, ec);
      if (ec != std::errc::connection_refused && ec != std::errc::timed_out) {
        AsioStream connected = ec ? AsioStream(executor) : to_asio(std::move(stream), executor, ec);
        return self.complete(ec, std::move(connected));
      }
    }
    // Not even the first attempt is made by the function that begins, which must not call the handler.
    timer->expires_after(interval);
    interval = has_begun ? std::min(interval * 2, options.poll_interval) : std::chrono::milliseconds(1);
    asio::steady_timer& pause = *timer;  // this moves with self
    pause.async_wait(std::move(self));
  }
};

}  // namespace detail

/// Connects for an event loop, without a thread; completes with `void(std::error_code, AsioStream)`. It goes on while
/// nobody listens or the listener has no capacity, until it is cancelled: Asio's own operators give it a time-out.
/// Errors: those of LocalStream::connect but connection_refused and timed_out, and operation_canceled.
///
///     using namespace asio::experimental::awaitable_operators;
///     auto connected = co_await (async_connect(executor, "echo", asio::use_awaitable) || timer.async_wait(…));
template <class CompletionToken>
auto async_connect(const asio::any_io_executor& executor, const LocalAddress& address, const ConnectOptions& options,
                   CompletionToken&& token) {
  return asio::async_compose<CompletionToken, void(std::error_code, AsioStream)>(
      detail::AsioConnect{address, options, executor, std::make_unique<asio::steady_timer>(executor)}, token, executor);
}

template <class CompletionToken>
auto async_connect(const asio::any_io_executor& executor, const LocalAddress& address, CompletionToken&& token) {
  return async_connect(executor, address, ConnectOptions(), std::forward<CompletionToken>(token));
}

namespace detail {

/// Makes the step again for as long as there is no memory for it: a handler that waits must be called some time.
template <class Step>
auto once_there_is_memory(Step step) {
#if LOCALSOCKET_HAS_EXCEPTIONS
  for (;;) {
    try {
      return step();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
#else
  return step();
#endif
}

/// An async_accept that waits for its client.
class AsioAccept {
 public:
  virtual ~AsioAccept() = default;
  /// Posts the handler, once.
  virtual void complete(std::error_code ec, AsioStream stream) = 0;
};

template <class Handler>
class AsioAcceptOf final : public AsioAccept, public std::enable_shared_from_this<AsioAcceptOf<Handler>> {
 public:
  AsioAcceptOf(const asio::any_io_executor& executor, Handler handler)
      : work_(executor),
        handlers_work_(asio::get_associated_executor(handler, executor)),
        handler_(std::move(handler)) {}

  void complete(std::error_code ec, AsioStream stream) override {
    ec_ = ec;
    stream_.emplace(std::move(stream));
    // All that can be lost stays here until there is memory to post it.
    once_there_is_memory(
        [this] { asio::post(handlers_work_.get_executor(), [self = this->shared_from_this()] { self->call(); }); });
  }

 private:
  void call() {
    const auto work = std::move(work_);
    const auto handlers_work = std::move(handlers_work_);
    Handler handler = std::move(handler_);
    std::move(handler)(ec_, std::move(*stream_));
  }

  // Until the handler has run, neither its loop nor the streams' is out of work.
  asio::executor_work_guard<asio::any_io_executor> work_;
  asio::executor_work_guard<asio::associated_executor_t<Handler, asio::any_io_executor>> handlers_work_;
  Handler handler_;
  std::error_code ec_;
  std::optional<AsioStream> stream_;
};

/// The accepts that wait, and the thread that accepts for the first of them. The cancellation of each knows it too, and
/// may come when the listener has gone.
class AsioAccepts {
 public:
  using Ticket = std::uint64_t;

  AsioAccepts(const asio::any_io_executor& executor, LocalListener listener)
      : executor_(executor), listener_(std::move(listener)) {}

  LocalListener& listener() noexcept { return listener_; }
  const asio::any_io_executor& executor() const noexcept { return executor_; }

  Ticket next_ticket() noexcept { return ++last_ticket_; }

  void add(Ticket ticket, std::shared_ptr<AsioAccept> accept) {
    const std::lock_guard lock(mutex_);
    if (!is_accepting_) asio::post(thread_, [this] { accept_all(); });
    is_accepting_ = true;
    waiting_.emplace(ticket, std::move(accept));
  }

  /// Completes it now, if it waits still, whatever waits before it.
  void cancel(Ticket ticket) {
    if (auto accept = take(ticket)) {
      const auto ec = std::make_error_code(std::errc::operation_canceled);
      accept->complete(ec, once_there_is_memory([this] { return AsioStream(executor_); }));
    }
  }

  /// Completes all that wait, with Errc::closed.
  void end() {
    listener_.close();
    thread_.join();
  }

 private:
  std::shared_ptr<AsioAccept> take(std::optional<Ticket> ticket = std::nullopt) {
    const std::lock_guard lock(mutex_);
    const auto found = ticket ? waiting_.find(*ticket) : waiting_.begin();
    if (found == waiting_.end()) return nullptr;
    auto accept = std::move(found->second);
    waiting_.erase(found);
    if (waiting_.empty()) stop_.request_stop();
    return accept;
  }

  /// What ends the next accept; nothing if nobody waits for one.
  std::optional<stop_token> begin_accept() {
    const std::lock_guard lock(mutex_);
    is_accepting_ = !waiting_.empty();
    if (!is_accepting_) return std::nullopt;
    if (stop_.stop_requested()) stop_ = stop_source();
    return stop_.get_token();
  }

  void accept_all() {
    while (once_there_is_memory([this] { return accept_one(); })) {
    }
  }

  /// Whether there may be a next one.
  bool accept_one() {
    const auto stop = begin_accept();
    if (!stop) return false;
    std::error_code ec;
    if (!client_.is_open()) client_ = listener_.accept(*stop, ec);
    if (ec == std::errc::operation_canceled) return true;
    AsioStream accepted(executor_);
    const auto accept = take();
    if (!accept) return true;  // the last one was cancelled as its client came: it is the next one's
    if (!ec) once_there_is_memory([&] { hand_over(client_, accepted, ec); });
    accept->complete(ec, std::move(accepted));
    return true;
  }

  asio::any_io_executor executor_;
  LocalListener listener_;
  LocalStream client_;  // of the accepting thread
  std::atomic<Ticket> last_ticket_{0};
  std::mutex mutex_;
  std::map<Ticket, std::shared_ptr<AsioAccept>> waiting_;
  stop_source stop_;
  bool is_accepting_ = false;
  asio::thread_pool thread_{1};
};

}  // namespace detail

/// Accepts clients for an event loop. A thread of its own waits for them, one for the listener, none for a connection:
/// pipes have nothing that an event loop could wait on before there is a client.
///
///     AsioListener listener(loop.get_executor(), LocalListener::bind("echo"));
///     for (;;) serve(co_await listener.async_accept(asio::use_awaitable));
///
/// The functions may be called from any thread. The destructor ends what is still waiting, as close() does, and calls
/// no handler itself; the event loop must outlive it.
class AsioListener {
 public:
  AsioListener(const asio::any_io_executor& executor, LocalListener listener)
      : accepts_(std::make_shared<detail::AsioAccepts>(executor, std::move(listener))) {}
  AsioListener(const AsioListener&) = delete;
  AsioListener& operator=(const AsioListener&) = delete;
  ~AsioListener() { accepts_->end(); }

  /// Completes with `void(std::error_code, AsioStream)`: as LocalListener::accept or to_asio end. Several may wait;
  /// they are served in turn. Per-operation cancellation ends it at once, with operation_canceled.
  template <class CompletionToken>
  auto async_accept(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(std::error_code, AsioStream)>(
        [this](auto handler) { this->start(std::move(handler)); }, token);
  }

  /// Accepts that wait complete with Errc::closed, and so does each later one.
  void close() noexcept { accepts_->listener().close(); }
  bool is_open() const noexcept { return accepts_->listener().is_open(); }
  const LocalAddress& local_address() const noexcept { return accepts_->listener().local_address(); }
  asio::any_io_executor get_executor() const noexcept { return accepts_->executor(); }

 private:
  template <class Handler>
  void start(Handler handler) {
    const auto ticket = accepts_->next_ticket();
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([accepts = std::weak_ptr(accepts_), ticket](asio::cancellation_type_t) {
        if (const auto waiting = accepts.lock()) waiting->cancel(ticket);
      });
    }
    accepts_->add(ticket, std::make_shared<detail::AsioAcceptOf<Handler>>(accepts_->executor(), std::move(handler)));
  }

  std::shared_ptr<detail::AsioAccepts> accepts_;
};

}  // namespace localsocket::inline LOCALSOCKET_ABI
