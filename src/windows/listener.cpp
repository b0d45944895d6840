#include "listener.hpp"

#include "overlapped.hpp"
#include "pipe.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace localsocket::detail {

std::error_code check_options(const LocalAddress&, const ListenOptions& options) {
  for (const auto& size : {options.windows.in_buffer_size, options.windows.out_buffer_size}) {
    const bool valid = size != 0U && size.value_or(1) <= windows_backend::largest_buffer_size;
    if (!valid) return error(Operation::bind, std::errc::invalid_argument);
  }
  const bool can = options.existing != Existing::replace;  // a pipe's name cannot be taken from its owner
  return can ? std::error_code() : error(Operation::bind, std::errc::operation_not_supported);
}

namespace windows_backend {
namespace {

// How many instances wait for clients unless the backlog says it. A client that finds none waits for the next.
constexpr unsigned default_backlog = 32;

}  // namespace

/// One pipe instance, and the ConnectNamedPipe that waits for its client.
class Listener::Instance {
 public:
  Instance(Handle pipe, HANDLE event) noexcept : pipe_(std::move(pipe)) { connect_.hEvent = event; }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() { stop(); }

  HANDLE get() const noexcept { return pipe_.get(); }

  enum class State { waiting, connected, broken };

  State state() const noexcept { return state_; }

  /// Brings the state up to date; returns whether that took a new ConnectNamedPipe, which clears the event.
  bool look() noexcept {
    Completion completion;
    if (is_pending_ && has_completed(pipe_.get(), connect_, completion)) {
      is_pending_ = false;
      state_ = after(completion.error);
    }
    // The system ends what a thread has begun when that thread exits (ExitThread's documentation), and a listener
    // outlives the threads that accept for it. The instance is unharmed: it waits again.
    const bool starts = state_ == State::waiting && !is_pending_;
    if (starts) start();
    return starts;
  }

  /// The pipe, with nothing in flight on it.
  Handle take() noexcept {
    stop();
    return std::move(pipe_);
  }

 private:
  void start() noexcept {
    if (sys("ConnectNamedPipe", ::ConnectNamedPipe, pipe_.get(), &connect_)) {
      state_ = State::connected;
      return;
    }
    const DWORD error = ::GetLastError();
    is_pending_ = error == ERROR_IO_PENDING;
    state_ = is_pending_ ? State::waiting : after(error);
  }

  static State after(DWORD error) noexcept {
    switch (error) {
      case ERROR_SUCCESS:
      case ERROR_PIPE_CONNECTED:  // the client was faster
      case ERROR_NO_DATA:         // it came and has left again; what it wrote is still there to be read
      case ERROR_BROKEN_PIPE:
        return State::connected;
      case ERROR_OPERATION_ABORTED:
        return State::waiting;
      default:
        return State::broken;
    }
  }

  void stop() noexcept {
    if (is_pending_) cancel_and_wait(pipe_.get(), connect_);
    is_pending_ = false;
  }

  Handle pipe_;
  OVERLAPPED connect_{};
  bool is_pending_ = false;
  State state_ = State::waiting;
};

/// All of them, and one event that says "look again". The event is a hint: each instance knows its own state, and the
/// event is set whenever an instance may have a client that nobody has looked at.
class Listener::Instances {
 public:
  Instances(PipeMaker maker, unsigned backlog) noexcept
      : maker_(std::move(maker)),
        backlog_(backlog),
        event_(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, TRUE, FALSE, LPCWSTR{nullptr})) {}

  HANDLE event() const noexcept { return event_.get(); }

  void add(Handle pipe) {
    const std::lock_guard lock(mutex_);
    push(std::move(pipe));
  }

  void fill(bool first, std::error_code& ec) {
    const std::lock_guard lock(mutex_);
    refill(first, ec);
  }

  /// The pipe of a client that has come, if any, with a new instance in its place; none with a clear `ec` if no client
  /// has.
  Handle take_connected(std::error_code& ec) {
    const std::lock_guard lock(mutex_);
    auto connected = find_connected();
    if (connected == waiting_.end()) {
      refill(false, ec);
      ec.clear();  // fewer than `backlog` still serve; accept tries again
      // Cleared first, looked again then: whoever comes in between sets it again.
      sys("ResetEvent", ::ResetEvent, event_.get());
      connected = find_connected();
    }
    if (connected == waiting_.end()) return {};
    std::unique_ptr<Instance> taken = std::move(*connected);
    waiting_.erase(connected);
    refill(false, ec);
    if (waiting_.empty() && ec && ec.value() != ERROR_PIPE_BUSY) {
      // Without any instance the name would be lost to whoever makes it next. The client waits until there is one.
      waiting_.push_back(std::move(taken));
      sys("SetEvent", ::SetEvent, event_.get());
      return {};
    }
    ec.clear();
    // To start an operation clears its event, which may have told of another client.
    if (find_connected() != waiting_.end()) sys("SetEvent", ::SetEvent, event_.get());
    return taken->take();
  }

  NativeHandle front() const noexcept {
    const std::lock_guard lock(mutex_);
    return waiting_.empty() ? invalid_handle : waiting_.front()->get();
  }

  /// For good: closes all but one, which is returned if so asked.
  Handle close(bool keep_one) noexcept {
    const std::lock_guard lock(mutex_);
    backlog_ = 0;
    Handle kept;
    if (keep_one && !waiting_.empty()) kept = waiting_.front()->take();
    waiting_.clear();
    return kept;
  }

 private:
  using List = std::vector<std::unique_ptr<Instance>>;

  void push(Handle pipe) {
    waiting_.push_back(std::make_unique<Instance>(std::move(pipe), event_.get()));
    waiting_.back()->look();  // starts to wait
  }

  void refill(bool first, std::error_code& ec) {
    while (waiting_.size() < backlog_ && !ec) {
      Handle pipe = maker_.make(first, ec);
      if (!ec) push(std::move(pipe));
      first = false;
    }
  }

  List::iterator find_connected() {
    // Until none had to start: that may have wiped out what the event told of an instance already looked at.
    for (bool starts = true; starts;) {
      starts = false;
      for (const auto& instance : waiting_) starts = instance->look() || starts;
    }
    std::erase_if(waiting_, [](const auto& instance) { return instance->state() == Instance::State::broken; });
    return std::find_if(waiting_.begin(), waiting_.end(),
                        [](const auto& instance) { return instance->state() == Instance::State::connected; });
  }

  mutable std::mutex mutex_;
  PipeMaker maker_;
  unsigned backlog_;
  Handle event_;
  List waiting_;
};

Listener::Listener() noexcept = default;
Listener::Listener(Listener&& other) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept = default;
Listener::~Listener() = default;

Listener Listener::bind(const LocalAddress& address, const ListenOptions& options, std::error_code& ec) {
  if (!address.native().starts_with(R"(\\.\)")) {
    ec = error(Operation::bind, Errc::invalid_address);  // a pipe is served on its own host only
    return {};
  }
  PipeMaker maker(to_wide(address.native()), options, ec);
  if (ec) return {};
  Listener listener;
  listener.instances_ = std::make_unique<Instances>(std::move(maker), options.backlog.value_or(default_backlog));
  listener.instances_->fill(true, ec);
  // The name is ours with the first instance; the others may follow later.
  if (listener.handle() == invalid_handle) return {};
  ec.clear();
  return listener;
}

Listener Listener::adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec) {
  ec = check_pipe(handle, true);
  if (ec) return {};
  PipeMaker maker(to_wide(address.native()), {}, ec);
  if (ec) return {};
  Listener listener;
  listener.instances_ = std::make_unique<Instances>(std::move(maker), default_backlog);
  listener.instances_->add(Handle(handle));
  return listener;
}

Stream Listener::accept(Call& call, std::error_code& ec) {
  const Waiter waiter(call);
  for (;;) {
    Handle pipe = instances_->take_connected(ec);
    if (pipe.is_open() || ec) return Stream(pipe.release());
    if (const Interruption why = call.refused(); why != Interruption::none) {
      ec = error(Operation::accept, why);
      return {};
    }
    const HANDLE events[] = {instances_->event(), waiter.waker().event()};
    sys("WaitForMultipleObjects", ::WaitForMultipleObjects, DWORD{2}, static_cast<const HANDLE*>(events), FALSE,
        to_milliseconds(call.remaining()));
  }
}

// At once, although accepts may still wait: no client is to meet a listener that has been closed.
void Listener::withdraw() noexcept {
  if (instances_) instances_->close(false);
}

void Listener::close() noexcept { withdraw(); }

NativeHandle Listener::handle() const noexcept { return instances_ ? instances_->front() : invalid_handle; }

NativeHandle Listener::release() noexcept { return instances_ ? instances_->close(true).release() : invalid_handle; }

}  // namespace windows_backend
}  // namespace localsocket::detail
