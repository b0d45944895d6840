// A loop of overlapped ReadFile and WriteFile, with an event per direction that is made once: what everything else is
// compared with.

#include "channels.hpp"
#include "session.hpp"
#include "stream_workloads.hpp"
#include "transport.hpp"

#include <windows.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace {

[[noreturn]] void fail(const char* call, DWORD error = ::GetLastError()) {
  throw std::system_error(static_cast<int>(error), std::system_category(), call);
}

struct Closer {
  void operator()(HANDLE handle) const noexcept { ::CloseHandle(handle); }
};
using Handle = std::unique_ptr<void, Closer>;

Handle check(HANDLE handle, const char* call) {
  if (handle == INVALID_HANDLE_VALUE || handle == nullptr) fail(call);
  return Handle(handle);
}

/// One operation at a time.
class Overlapped {
 public:
  /// How many bytes `start(&overlapped)` moved; nothing when the peer has left.
  template <class Start>
  std::optional<std::size_t> perform(HANDLE pipe, const char* call, Start start) {
    operation_ = {};
    operation_.hEvent = event_.get();
    DWORD bytes = 0;
    if (!start(&operation_) && ::GetLastError() != ERROR_IO_PENDING) return ended(call);
    if (!::GetOverlappedResult(pipe, &operation_, &bytes, TRUE)) return ended(call);
    return bytes;
  }

 private:
  static std::optional<std::size_t> ended(const char* call) {
    const DWORD error = ::GetLastError();
    if (error == ERROR_PIPE_CONNECTED) return 0;
    if (error == ERROR_BROKEN_PIPE) return std::nullopt;
    fail(call, error);
  }

  Handle event_ = check(::CreateEventW(nullptr, TRUE, FALSE, nullptr), "CreateEvent");
  OVERLAPPED operation_{};
};

class Pipe {
 public:
  explicit Pipe(Handle pipe) : pipe_(std::move(pipe)) {}

  void send_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto n = write_.perform(pipe_.get(), "WriteFile", [&](OVERLAPPED* operation) {
        return ::WriteFile(pipe_.get(), bytes.data(), static_cast<DWORD>(bytes.size()), nullptr, operation);
      });
      bench::expect(n.has_value(), "the peer left");
      bytes = bytes.subspan(*n);
    }
  }

  std::size_t recv_some(std::span<std::byte> buffer) {
    const auto n = read_.perform(pipe_.get(), "ReadFile", [&](OVERLAPPED* operation) {
      return ::ReadFile(pipe_.get(), buffer.data(), static_cast<DWORD>(buffer.size()), nullptr, operation);
    });
    return n.value_or(0);
  }

  bool recv_exact(std::span<std::byte> buffer) { return bench::recv_by_parts(*this, buffer); }

 private:
  Handle pipe_;
  Overlapped read_;
  Overlapped write_;
};

struct PipeTransport {
  using Address = std::string;
  using Stream = Pipe;
  using Batched = bench::BufferedChannel<Stream>;
  using Single = bench::UnbufferedChannel<Stream>;

  class Listener {
   public:
    explicit Listener(const std::string& name) : name_(name) {}

    Pipe accept() {
      connecting_.perform(waiting_.get(), "ConnectNamedPipe",
                          [this](OVERLAPPED* operation) { return ::ConnectNamedPipe(waiting_.get(), operation); });
      // The next client's instance comes first: there is always one.
      return Pipe(std::exchange(waiting_, make_instance()));
    }

   private:
    Handle make_instance() const {
      constexpr DWORD buffer_size = 64 * 1024;
      return check(::CreateNamedPipeA(name_.c_str(), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                      PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                                      PIPE_UNLIMITED_INSTANCES, buffer_size, buffer_size, 0, nullptr),
                   "CreateNamedPipe");
    }

    std::string name_;
    Overlapped connecting_;
    Handle waiting_ = make_instance();
  };

  static Pipe connect(const std::string& name) {
    for (;;) {
      const HANDLE pipe = ::CreateFileA(name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                                        FILE_FLAG_OVERLAPPED, nullptr);
      if (pipe != INVALID_HANDLE_VALUE) return Pipe(Handle(pipe));
      if (::GetLastError() != ERROR_PIPE_BUSY) fail("CreateFile");
      ::WaitNamedPipeA(name.c_str(), NMPWAIT_WAIT_FOREVER);
    }
  }
};

}  // namespace

int main(int argc, char** argv) { return bench::run(argc, argv, bench::stream_workloads<PipeTransport>); }
