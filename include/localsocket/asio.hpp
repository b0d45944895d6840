// Asio's event loop: connections as streams of Asio's own, and clients accepted asynchronously. Needs standalone Asio
// 1.22 or newer (on Windows with ws2_32 and mswsock); nothing else here does.
#pragma once

#include <localsocket/listener.hpp>
#include <localsocket/stream.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <asio/windows/stream_handle.hpp>

#include <stop_token>
#include <system_error>
#include <utility>

namespace localsocket {

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

}  // namespace detail

/// Hands a connection to an event loop, for good: a pipe that has been with one completion port cannot leave it
/// (CreateIoCompletionPort's documentation).
///
/// No call of the stream may be running. The connection no longer counts among the listener's max_connections. Where
/// nobody is connected the error is bad_file_descriptor; after an error the connection is closed.
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
  const NativeHandle handle = stream.release();
  ec.clear();
  detail::assign(result, handle, ec);
  if (ec) {
    std::error_code ignored;
    LocalStream::adopt(handle, ignored).close();
  }
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
      : executor_(executor), listener_(std::move(listener)) {}
  AsioListener(const AsioListener&) = delete;
  AsioListener& operator=(const AsioListener&) = delete;
  ~AsioListener() {
    close();
    thread_.join();
  }

  /// Completes with `void(std::error_code, AsioStream)`: as LocalListener::accept or to_asio end. Several may wait;
  /// they are served in turn. Per-operation cancellation ends it with operation_canceled.
  template <class CompletionToken>
  auto async_accept(CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(std::error_code, AsioStream)>(
        [this](auto handler) { this->start(std::move(handler)); }, token);
  }

  /// Accepts that wait complete with Errc::closed, and so does each later one.
  void close() noexcept { listener_.close(); }
  bool is_open() const noexcept { return listener_.is_open(); }
  const LocalAddress& local_address() const noexcept { return listener_.local_address(); }
  asio::any_io_executor get_executor() const noexcept { return executor_; }

 private:
  template <class Handler>
  void start(Handler handler) {
    std::stop_source stop;
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([stop](asio::cancellation_type_t) mutable { stop.request_stop(); });
    }
    // Until the handler has run, neither its loop nor the streams' is out of work.
    auto work = asio::make_work_guard(executor_);
    auto handlers_work = asio::make_work_guard(asio::get_associated_executor(handler, executor_));
    asio::post(thread_, [this, stop = stop.get_token(), work = std::move(work),
                         handlers_work = std::move(handlers_work), handler = std::move(handler)]() mutable {
      std::error_code ec;
      LocalStream stream = listener_.accept(stop, ec);
      AsioStream accepted = ec ? AsioStream(executor_) : to_asio(std::move(stream), executor_, ec);
      asio::post(handlers_work.get_executor(),
                 [ec, accepted = std::move(accepted), work = std::move(work), handler = std::move(handler)]() mutable {
                   std::move(handler)(ec, std::move(accepted));
                 });
    });
  }

  asio::any_io_executor executor_;
  LocalListener listener_;
  asio::thread_pool thread_{1};
};

}  // namespace localsocket
