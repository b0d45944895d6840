#include "support/failing_call.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "core/seams.hpp"

namespace localsocket::test {
namespace {

using localsocket::detail::seams::Fault;

struct Failure {
  std::string_view name;
  Fault fault;
  unsigned passing;
};

std::mutex mutex;
std::array<Failure, 2> failures;

bool inject(const char* name, Fault& fault) noexcept {
  const std::scoped_lock lock(mutex);
  const auto found = std::find_if(failures.begin(), failures.end(), [&](const Failure& failure) {
    return !failure.name.empty() && failure.name == name;
  });
  if (found == failures.end()) return false;
  if (found->passing > 0) {
    --found->passing;
    return false;
  }
  fault = found->fault;
  return true;
}

Failure* slot_of(std::string_view name) {
  return std::find_if(failures.begin(), failures.end(), [&](const Failure& failure) { return failure.name == name; });
}

}  // namespace

FailingCall::FailingCall(std::string_view name, std::intptr_t result, int error, unsigned passing) : name_(name) {
  const std::scoped_lock lock(mutex);
  *slot_of({}) = {name, {Fault::Kind::fails, result, error}, passing};
  localsocket::detail::seams::injector = &inject;
}

FailingCall::~FailingCall() {
  const std::scoped_lock lock(mutex);
  *slot_of(name_) = {};
}

}  // namespace localsocket::test
