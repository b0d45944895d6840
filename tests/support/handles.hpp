// Handles of the system that are none of the library's, for adopt() to judge.
#pragma once

#include <cstddef>
#include <localsocket/platform.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/differences.hpp"

namespace localsocket::test {

/// Whether the system knows the handle.
bool is_open_handle(NativeHandle handle);

void close_handle(NativeHandle handle);

/// Another handle for the same, as a peer would get it.
NativeHandle duplicate_handle(NativeHandle handle);

/// How many descriptors, or handles of any kind, this process has open.
std::size_t open_handles();

/// What `count` tells before a step and after it. A handle that the C++ runtime keeps for a mutex, where it does
/// (differences.hpp), it does not keep eight times in a row; one that the library loses, it loses each time.
template <class Count, class Step>
auto counted_around(Count count, Step step) {
  for (int attempts_left = platform.handles_kept_by_the_runtime == 0 ? 1 : 8;; --attempts_left) {
    const auto before = count();
    step();
    const auto after = count();
    if (after == before || attempts_left == 1) return std::pair(before, after);
  }
}

/// How many pieces of shared memory this process has mapped.
std::size_t shared_mappings();

/// Owns a handle.
class ForeignHandle {
 public:
  ForeignHandle(std::string name, NativeHandle handle) : name_(std::move(name)), handle_(handle) {}
  ForeignHandle(ForeignHandle&& other) noexcept
      : name_(std::move(other.name_)), handle_(std::exchange(other.handle_, invalid_handle)) {}
  ForeignHandle& operator=(ForeignHandle&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~ForeignHandle() {
    if (handle_ != invalid_handle) close_handle(handle_);
  }

  const std::string& name() const { return name_; }
  NativeHandle get() const { return handle_; }

 private:
  std::string name_;
  NativeHandle handle_;
};

/// One of each kind of handle that is no end of a connection: a file, a pipe of the wrong kind, …
std::vector<ForeignHandle> handles_that_are_no_stream();

/// One of each kind of handle that is no listener.
std::vector<ForeignHandle> handles_that_are_no_listener();

}  // namespace localsocket::test
