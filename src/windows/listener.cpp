#include "listener.hpp"

#include "overlapped.hpp"
#include "pipe.hpp"
#include "system.hpp"

#include "backend.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

namespace localsocket::inline LOCALSOCKET_ABI::detail {

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
  explicit Instance(HANDLE event) noexcept : connect_(operation_telling(event)) {}
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() { stop(); }

  HANDLE get() const noexcept { return pipe_.get(); }

  /// Once: begins to wait for a client of this pipe.
  void serve(Handle pipe) noexcept {
    pipe_ = std::move(pipe);
    look();
  }

  enum class State { waiting, connected, broken };

  State state() const noexcept { return state_; }
  /// Why it is broken, as GetLastError().
  DWORD error() const noexcept { return error_; }

  /// Brings the state up to date; returns whether that took a new ConnectNamedPipe, which clears the event.
  bool look() noexcept {
    Completion completion;
    if (is_pending_ && has_completed(pipe_.get(), connect_, completion)) {
      is_pending_ = false;
      error_ = completion.error;
      state_ = after(error_);
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
    error_ = ::GetLastError();
    is_pending_ = error_ == ERROR_IO_PENDING;
    state_ = is_pending_ ? State::waiting : after(error_);
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
  OVERLAPPED connect_;
  bool is_pending_ = false;
  State state_ = State::waiting;
  DWORD error_ = ERROR_SUCCESS;
};

/// All of them, and one event that says "look again". The event is a hint: each instance knows its own state, and the
/// event is set whenever an instance may have a client that nobody has looked at.
class Listener::Instances {
 public:
  Instances(PipeMaker maker, unsigned backlog, std::error_code& ec)
      : maker_(std::move(maker)),
        backlog_(backlog),
        event_(sys("CreateEventW", ::CreateEventW, LPSECURITY_ATTRIBUTES{nullptr}, TRUE, FALSE, LPCWSTR{nullptr})) {
    if (!event_.is_open()) ec = last_error(Operation::bind);
    waiting_.reserve(backlog_ + 1);
  }

  HANDLE event() const noexcept { return event_.get(); }

  /// Takes the handle only if it does not throw, and there is no error.
  void adopt(HANDLE pipe, std::error_code& ec) {
    const std::lock_guard lock(mutex_);
    auto instance = std::make_unique<Instance>(event_.get());  // before the handle is ours
    push(std::move(instance), Handle(pipe));
    if (waiting_.back()->state() != Instance::State::broken) return;
    ec = native_error(Operation::other, static_cast<int>(waiting_.back()->error()));
    waiting_.back()->take().release();
    waiting_.pop_back();
  }

  void fill(std::error_code& ec) {
    const std::lock_guard lock(mutex_);
    refill(backlog_, true, ec);
  }

  /// Nothing can tell of a client then: there is no instance, and perhaps can be one again later.
  bool is_empty() const noexcept {
    const std::lock_guard lock(mutex_);
    return waiting_.empty();
  }

  /// The pipe of a client that has come, if any, with a new instance in its place; none with a clear `ec` if no client
  /// has.
  Handle take_connected(std::error_code& ec) {
    const std::lock_guard lock(mutex_);
    const Reminder reminder{*this};
    if (!has_connected()) {
      refill(backlog_, false, ec);
      ec.clear();  // fewer than `backlog` still serve; accept tries again
      // Cleared first, looked again then: whoever comes in between sets it again.
      sys("ResetEvent", ::ResetEvent, event_.get());
      if (!has_connected()) return {};
    }
    // Before the client is taken: without memory, or without any instance, which would lose the name to whoever makes
    // it next, the client waits on.
    refill(backlog_ + 1, false, ec);
    if (waiting_.size() == 1 && ec && ec.value() != ERROR_PIPE_BUSY) return {};
    ec.clear();
    const auto connected = find_connected();
    const std::unique_ptr<Instance> taken = std::move(*connected);
    waiting_.erase(connected);
    return taken->take();
  }

  bool has_client() noexcept {
    const std::lock_guard lock(mutex_);
    const Reminder reminder{*this};
    if (has_connected()) return true;
    sys("ResetEvent", ::ResetEvent, event_.get());
    return has_connected();
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

  /// Whatever a look at the instances ends with, the event tells of the clients that nobody has taken: to start an
  /// operation clears it.
  struct Reminder {
    Instances& instances;
    ~Reminder() {
      if (instances.has_connected()) sys("SetEvent", ::SetEvent, instances.event());
    }
  };

  // In the space that is reserved: only an Instance takes memory, and comes before its pipe.
  void push(std::unique_ptr<Instance> instance, Handle pipe) noexcept {
    waiting_.push_back(std::move(instance));
    waiting_.back()->serve(std::move(pipe));
  }

  void refill(std::size_t wanted, bool first, std::error_code& ec) {
    while (waiting_.size() < wanted && !ec) {
      auto instance = std::make_unique<Instance>(event_.get());
      Handle pipe = maker_.make(first, ec);
      if (!ec) push(std::move(instance), std::move(pipe));
      first = false;
      if (ec || waiting_.back()->state() != Instance::State::broken) continue;
      ec = native_error(Operation::bind, static_cast<int>(waiting_.back()->error()));
      waiting_.pop_back();
    }
  }

  // An end that is asked for before the search is another one after it, which takes broken instances away.
  bool has_connected() {
    const auto found = find_connected();
    return found != waiting_.end();
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

Listener Listener::bind(LocalAddress& address, const ListenOptions& options, std::error_code& ec) {
  if (!address.native().starts_with(R"(\\.\)")) {
    ec = error(Operation::bind, Errc::invalid_address);  // a pipe is served on its own host only
    return {};
  }
  PipeMaker maker(to_wide(address.native()), options, ec);
  if (ec) return {};
  Listener listener;
  listener.type_ = options.type;
  listener.instances_ = std::make_unique<Instances>(std::move(maker), options.backlog.value_or(default_backlog), ec);
  if (ec) return {};
  listener.instances_->fill(ec);
  // The name is ours with the first instance; the others may follow later.
  if (listener.handle() == invalid_handle) return {};
  ec.clear();
  return listener;
}

Listener Listener::adopt(NativeHandle handle, const LocalAddress& address, std::error_code& ec) {
  const std::optional<PipeInfo> info = prepare_pipe(handle, true, ec);
  if (ec) return {};
  PipeMaker maker(to_wide(address.native()), {}, ec);
  if (ec) return {};
  maker.take_type(*info);
  Listener listener;
  listener.instances_ = std::make_unique<Instances>(std::move(maker), default_backlog, ec);
  if (ec) return {};
  listener.instances_->adopt(handle, ec);
  return ec ? Listener() : std::move(listener);
}

Stream Listener::accept(Call& call, std::error_code& ec) {
  constexpr std::chrono::milliseconds look_for_instance{50};
  const Waiter waiter(call);
  for (;;) {
    Handle pipe = instances_->take_connected(ec);
    if (pipe.is_open() || ec) return Stream(pipe.release(), type_);
    if (const Interruption why = call.refused(); why != Interruption::none) {
      ec = error(Operation::accept, why);
      return {};
    }
    Clock::duration time = call.remaining();
    if (instances_->is_empty()) time = std::min<Clock::duration>(time, look_for_instance);
    waiter.waker().wait_also_for(instances_->event(), time);
  }
}

bool Listener::has_client() noexcept { return instances_->has_client(); }

NativeHandle Listener::event() const noexcept { return instances_->event(); }

// As long as there is an instance nobody else can have the name.
bool Listener::owns_address(std::error_code&) const noexcept { return instances_ && !instances_->is_empty(); }

// At once, although accepts may still wait: no client is to meet a listener that has been closed.
void Listener::withdraw() noexcept {
  if (instances_) instances_->close(false);
}

void Listener::close() noexcept { withdraw(); }

NativeHandle Listener::handle() const noexcept { return instances_ ? instances_->front() : invalid_handle; }

NativeHandle Listener::release() noexcept { return instances_ ? instances_->close(true).release() : invalid_handle; }

}  // namespace windows_backend
}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
