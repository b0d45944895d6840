// The directory of a socket's file, held open where its name is not enough.
#pragma once

#include "system.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

/// What tells a file from another that has its name.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  FileId() noexcept = default;
  explicit FileId(const struct stat& status) noexcept;
  bool operator==(const FileId&) const = default;
};

/// What a socket's address leads through.
struct Way {
  std::string address;  ///< for bind and connect; empty if there is none
  Descriptor file;      ///< the socket's own, where its path is too long

  bool leads_through_proc() const noexcept { return address.starts_with("/proc/"); }
};

/// A held directory is one that was looked at and stays the same whatever becomes of its name:
/// `/tmp/localsocket-<uid>`, because in /tmp anybody may have made it first; and that of a path which is too long for a
/// socket's address, which then leads through the directory's descriptor (Linux: /proc/self/fd). Any other is not held,
/// and files in it go by their whole paths. Each path that a member is given is one of a file in this directory.
class SocketDirectory {
 public:
  SocketDirectory() noexcept = default;

  /// permission_denied if it is the fallback and not our own, and nobody else's to enter; no such file, with the
  /// operation, if it is not there.
  static SocketDirectory of(const std::string& path, Operation operation, std::error_code& ec);
  /// The same, for bind: makes the fallback if it is missing.
  static SocketDirectory make(const std::string& path, std::error_code& ec);

  bool is_held() const noexcept { return descriptor_.is_open(); }
  bool is_fallback() const noexcept { return is_fallback_; }

  /// For the system calls that take both.
  int descriptor() const noexcept { return is_held() ? descriptor_.get() : AT_FDCWD; }
  const char* name_of(const std::string& path) const noexcept { return path.c_str() + name_begins_; }

  /// How to bind a new file of it.
  Way way_to_bind(const std::string& path) const;
  /// How to connect to one that is there.
  Way way_to(const std::string& path, Operation operation, std::error_code& ec) const;

  /// lstat.
  bool look_at(const std::string& path, struct stat& status) const noexcept;

  /// Whether its name still is this directory's. Also if it is not held.
  bool is_still_named() const noexcept;

 private:
  std::string way_through(const std::string& path) const;

  Descriptor descriptor_;
  std::string own_path_;
  std::size_t name_begins_ = 0;
  bool is_fallback_ = false;
};

/// Whether ways through /proc lead anywhere.
bool has_proc() noexcept;

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
