#include "fault/system_faults.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>

#include "fault/resources.hpp"
#include "unix/files.hpp"

namespace localsocket::test {
namespace {

using Kind = localsocket::detail::seams::Fault::Kind;

struct Row {
  std::string_view name;
  std::vector<int> errors;
  std::vector<int> passing = {};  // those that say "again": each ends some time
  Kind kind = Kind::fails;
  bool can_be_short = false;
  std::vector<int> in_a_bind = {};  // what only a call can meet that makes a file
};

// What cannot happen is left out: EBADF, EFAULT, EINVAL and the like are mistakes of the caller, and EOVERFLOW is for
// programs whose off_t has 32 bits (stat(2)). What a file system may add to a page's list is in open(2) and write(2).
const std::vector<int> of_a_path{EACCES, EIO, ELOOP, ENOMEM, ENOTDIR};
const std::vector<int> of_a_change{EACCES, EIO, ELOOP, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS};
const std::vector<int> of_a_new_file{EACCES, EIO, ELOOP, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS, ENOSPC, EDQUOT};
const std::vector<int> of_a_new_socket{EACCES, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM};
const std::vector<int> of_a_read{ECONNRESET, ENOMEM};
const std::vector<int> of_a_write{ECONNRESET, ENOBUFS, ENOMEM, EPIPE};
const std::vector<int> of_an_open{EACCES, EIO, ELOOP, EMFILE, ENFILE, ENOMEM, ENOTDIR, EPERM};
const std::vector<int> of_a_create{EDQUOT, EISDIR, ENOSPC, ENXIO, EROFS};

const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {"accept", {EMFILE, ENFILE, ENOBUFS, ENOMEM}, {EAGAIN, ECONNABORTED, EINTR}},
      {"accept4", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM}, {EAGAIN, ECONNABORTED, EINTR}},
      {"access", of_a_path, {ENOENT}},
      {"bind", {EACCES, EADDRINUSE, EDQUOT, EIO, ELOOP, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},
      {"chmod", of_a_change},
      {"close", {EINTR, EIO}, {}, Kind::fails_after},  // close(2): the descriptor is closed all the same
      {"connect", {EACCES, EPERM, EPROTOTYPE}, {EAGAIN, ECONNREFUSED, EINTR, ELOOP, ENOENT, ENOTDIR}},
      {"epoll_create1", {EMFILE, ENFILE, ENOMEM}},
      {"epoll_ctl", {ENOMEM, ENOSPC}},
      {"epoll_wait", {}, {EINTR}},
      {"eventfd", {EMFILE, ENFILE, ENODEV, ENOMEM}},
      {"fallocate", {EIO, ENOMEM, ENOSPC, EPERM}, {EINTR}},
      {"fchmod", of_a_change},
      {"fchmodat", of_a_change},
      {"fchownat", of_a_change},
      {"fcntl", {EMFILE}},
      {"flock", {ENOLCK}, {EINTR, EWOULDBLOCK}},
      {"fork", {EAGAIN, ENOMEM}},
      {"fstat", {ENOMEM}},
      {"fstatat", of_a_path, {ENOENT}},
      {"getpeereid", {ENOTCONN}},
      {"getpeername", {ENOBUFS, ENOTCONN}},
      {"getsockname", {ENOBUFS}},
      {"getsockopt", {ENOPROTOOPT}},
      {"ioctl", {ENOTTY}},
      {"kevent", {ENOMEM}},
      {"kqueue", {EMFILE, ENFILE, ENOMEM}},
      {"linkat", {EACCES, EDQUOT, EEXIST, EIO, ELOOP, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},
      {"listen", {EADDRINUSE, EOPNOTSUPP}},
      {"lstat", {EIO, ENOMEM}},  // by the rest there is no runtime directory, and its names are in another then
      {"memfd_create", {EMFILE, ENFILE, ENOMEM}},
      {"mkdir", {EACCES, EDQUOT, EEXIST, ELOOP, EMLINK, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EROFS}},
      {"mmap", {EACCES, EAGAIN, ENFILE, ENOMEM}},
      {"munmap", {ENOMEM}, {}, Kind::fails_after},
      {"open", of_an_open, {EINTR, ENOENT}, Kind::fails, false, of_a_create},
      {"openat", of_an_open, {EINTR, ENOENT}, Kind::fails, false, of_a_create},
      {"pidfd_open", {EMFILE, ENFILE, ENODEV, ENOMEM}},
      {"pipe", {EMFILE, ENFILE}},
      {"poll", {EINVAL, ENOMEM}, {EINTR}},  // EINVAL: more descriptors than RLIMIT_NOFILE has
      {"read", {EAGAIN}, {EINTR}},          // of an eventfd or a pipe, as write
      {"recv", of_a_read, {EAGAIN, EINTR}, Kind::fails, true},
      {"recvmsg", of_a_read, {EAGAIN, EINTR}, Kind::fails, true},
      {"rename", {EACCES, EBUSY, EDQUOT, EIO, EISDIR, ELOOP, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},
      {"renameat", {EACCES, EBUSY, EDQUOT, EIO, EISDIR, ELOOP, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EPERM, EROFS}},
      {"send", of_a_write, {EAGAIN, EINTR}, Kind::fails, true},
      {"sendmsg", of_a_write, {EAGAIN, EINTR}, Kind::fails, true},
      {"setsockopt", {ENOMEM, ENOPROTOOPT}},
      {"shutdown", {ENOTCONN}},
      {"socket", of_a_new_socket},
      {"socketpair", of_a_new_socket},
      {"stat", of_a_path, {ENOENT}},
      {"unlink", {EACCES, EBUSY, EIO, EISDIR, ELOOP, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS}},
      {"unlinkat", {EACCES, EBUSY, EIO, EISDIR, ELOOP, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS}},
      {"waitpid", {ECHILD}, {EINTR}},
      {"write", {EAGAIN}, {EINTR}},
  };
  return rows;
}

/// Where the sockets of this program are: nobody else's files count.
struct Directory {
  TemporaryDirectory directory;
  Environment variable{"XDG_RUNTIME_DIR", directory.path()};
};
const Directory directory;

}  // namespace

std::optional<std::vector<SystemFault>> faults_of(std::string_view name, std::string_view public_call) {
  for (const Row& row : table()) {
    if (row.name != name) continue;
    std::vector<SystemFault> faults;
    for (const int error : row.errors) faults.push_back({{row.kind, -1, error}});
    if (public_call.starts_with("bind") || public_call.starts_with("start")) {
      for (const int error : row.in_a_bind) faults.push_back({{row.kind, -1, error}});
    }
    for (const int error : row.passing) faults.push_back({{row.kind, -1, error}, true});
    const bool moves_whole_messages = public_call.starts_with("packets");
    if (row.can_be_short && !moves_whole_messages) faults.push_back({{Kind::moves_one}});
    return faults;
  }
  return std::nullopt;
}

bool removes_a_file(std::string_view name) { return name == "unlink" || name == "unlinkat"; }

std::size_t count_files() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory.directory.path()),
                                                std::filesystem::directory_iterator()));
}

void remove_files() {
  for (const auto& file : std::filesystem::directory_iterator(directory.directory.path())) {
    std::filesystem::remove_all(file.path());
  }
}

}  // namespace localsocket::test
