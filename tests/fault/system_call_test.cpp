// System calls that fail, each in turn, in each way in which it can: the public call ends soon, with an error that its
// documentation lists or none, leaves nothing behind, and the next call works.
//
// Which system calls there are is what a run without faults makes, so that a new one is tested as soon as it exists; it
// needs a row in system_faults.cpp.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/seams.hpp"
#include "fault/calls.hpp"
#include "fault/resources.hpp"
#include "fault/system_faults.hpp"
#include "support/handles.hpp"
#include "support/test.hpp"
#include "support/watchdog.hpp"

namespace localsocket::test {
namespace {

using localsocket::detail::seams::Fault;

/// Whether it is no error, or one of the list in error.hpp that such a call can give.
bool is_documented(std::string_view call, const std::error_code& ec) {
  const std::error_condition documented[] = {
      Errc::invalid_address,
      Errc::closed,
      Errc::end_of_stream,
      Errc::message_too_large,
      Errc::malformed_message,
      std::errc::filename_too_long,
      std::errc::address_in_use,
      std::errc::permission_denied,
      std::errc::connection_refused,
      std::errc::timed_out,
      std::errc::operation_would_block,
      std::errc::operation_canceled,
      std::errc::broken_pipe,
      std::errc::too_many_files_open,
      std::errc::operation_not_supported,
      std::errc::invalid_argument,
      std::errc::not_enough_memory,
      std::errc::io_error,
  };
  const std::error_condition documented_for_bind[] = {
      std::errc::no_such_file_or_directory,
      std::errc::read_only_file_system,
      std::errc::no_space_on_device,
  };
  const auto is_in = [&](const auto& list) {
    return std::any_of(std::begin(list), std::end(list), [&](const auto& one) { return ec == one; });
  };
  const bool may_bind = call.starts_with("bind") || call.starts_with("start");
  if (may_bind && is_in(documented_for_bind)) return true;
  if (ec == std::errc::wrong_protocol_type) {
    return may_bind || call.starts_with("connect") || call == "ChildOutput";
  }
  return !ec || is_in(documented);
}

/// Goes wrong at one system call, the `position`-th if it has that name, or from then on at each of that name.
struct Plan {
  std::string name;
  std::size_t position = 0;
  Fault fault;
  bool for_good = false;
};

/// What the injector does and sees while a call runs.
class Injection {
 public:
  /// So many calls of one name in one public call only a loop without an end makes, and one that does not even pause.
  static constexpr std::size_t most = 5000;
  /// Single bytes soon fill a socket that nobody reads from: each takes as much of its buffer as a page of text.
  static constexpr std::size_t most_short = 100;

  explicit Injection(const Plan* plan = nullptr) : plan_(plan) {
    current_ = this;
    localsocket::detail::seams::injector = [](const char* name, Fault& fault) noexcept {
      return current_->inject(name, fault);
    };
  }
  Injection(const Injection&) = delete;
  Injection& operator=(const Injection&) = delete;
  ~Injection() { stop(); }

  void stop() { localsocket::detail::seams::injector = nullptr; }
  std::vector<std::string> names() {
    const std::scoped_lock lock(mutex_);
    return names_;
  }
  bool has_happened() const { return happened_ != 0; }
  bool spins() const { return happened_ > most; }

 private:
  bool inject(const char* name, Fault& fault) noexcept {
    const std::scoped_lock lock(mutex_);
    const std::size_t position = count_++;
    if (plan_ == nullptr) {
      names_.emplace_back(name);
      return false;
    }
    const std::size_t limit = plan_->fault.kind == Fault::Kind::moves_one ? most_short : most;
    const bool is_meant =
        position >= plan_->position && plan_->name == name && (plan_->for_good || happened_ == 0) && happened_ <= limit;
    if (!is_meant) return false;
    ++happened_;
    fault = plan_->fault;
    return true;
  }

  inline static Injection* current_ = nullptr;

  // One for all: the C++ runtime may keep a handle for each mutex that threads have had to wait for (differences.hpp).
  inline static std::mutex mutex_;
  const Plan* plan_;
  std::size_t count_ = 0;
  std::size_t happened_ = 0;
  std::vector<std::string> names_;
};

int failures_so_far() { return ::testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count(); }

/// Makes the call of a row under that injection.
void make(const CallRow& row, Injection& injection, const Prepared& prepared) {
  std::error_code ec;
  try {
    ec = prepared.call();
  } catch (const std::system_error& error) {
    ec = error.code();
  }
  injection.stop();
  EXPECT_TRUE(is_documented(row.name, ec)) << row.name << " gives " << ec << ": " << ec.message();
  EXPECT_FALSE(injection.spins()) << "it goes on and on";
  EXPECT_NO_THROW(prepared.check(ec));
}

void run(const CallRow& row, const Plan& plan) {
  SCOPED_TRACE(plan.name + " (" + std::to_string(plan.position) + ") " +
               (plan.fault.kind == Fault::Kind::moves_one ? "moves one byte"
                                                          : "fails with " + std::to_string(plan.fault.error)) +
               (plan.for_good ? " again and again" : ""));
  restart_watchdog();
  const int failures = failures_so_far();
  const auto [before, after] = counted_around(resources, [&] {
    {
      const Prepared prepared = row.prepare();
      Injection injection(&plan);
      make(row, injection, prepared);
    }
    // The next bind finds a dead socket, and takes it away.
    if (removes_a_file(plan.name)) remove_files();
  });
  // What GoogleTest keeps of a failure is memory, too.
  if (failures_so_far() == failures) {
    EXPECT_EQ(after, before);
  }
  remove_files();
}

std::vector<std::string> system_calls_of(const CallRow& row) {
  const Prepared prepared = row.prepare();
  Injection recording;
  make(row, recording, prepared);
  return recording.names();
}

class SystemCalls : public ::testing::TestWithParam<CallRow> {};

INSTANTIATE_TEST_SUITE_P(Fail, SystemCalls, ::testing::ValuesIn(call_rows()),
                         [](const auto& info) { return test_name(info.param); });

TEST_P(SystemCalls, InACall) {
  const CallRow& row = GetParam();
  system_calls_of(row);  // and makes what is made once
  const std::vector<std::string> names = system_calls_of(row);
  for (std::size_t position = 0; position < names.size(); ++position) {
    const std::string& name = names[position];
    const auto faults = faults_of(name, row.name);
    ASSERT_TRUE(faults) << name << " is not in the table of tests/fault/*/system_faults.cpp";
    // One of many alike tells what the others do.
    constexpr std::ptrdiff_t enough = 4;
    if (std::count(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(position), name) >= enough) continue;
    for (const auto& [fault, passes] : *faults) {
      run(row, {name, position, fault, false});
      if (!passes) run(row, {name, position, fault, true});
    }
  }
}

}  // namespace
}  // namespace localsocket::test
