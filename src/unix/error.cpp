#include "core/errors.hpp"

#include <array>
#include <cerrno>
#include <optional>

namespace localsocket::inline LOCALSOCKET_ABI::detail {
namespace {

struct Row {
  std::optional<Operation> operation;  // nothing: whatever the operation
  int code;
  std::error_condition condition;
};

// The first row that fits counts. What is not here means what it means everywhere: std::generic_category.
const auto& table() noexcept {
  static const std::array rows{
      // Where there is no such path nobody listens; and where there is none a bind needs a directory.
      Row{Operation::connect, ENOENT, std::errc::connection_refused},
      Row{Operation::connect, ENOTDIR, std::errc::connection_refused},
      Row{Operation::connect, ELOOP, std::errc::connection_refused},
      Row{Operation::bind, ENOTDIR, std::errc::no_such_file_or_directory},
      Row{Operation::bind, ELOOP, std::errc::no_such_file_or_directory},
      Row{Operation::bind, EISDIR, std::errc::address_in_use},
      Row{Operation::bind, EBUSY, std::errc::address_in_use},  // a mount point (rename(2), unlink(2))
      Row{Operation::bind, ENXIO, std::errc::address_in_use},  // a socket where the lock's file should be (open(2))
      Row{Operation::bind, EMLINK, std::errc::no_space_on_device},  // of entries in the directory (mkdir(2))
      Row{Operation::connect, EAGAIN, std::errc::timed_out},        // the backlog is full (connect(2))
      Row{Operation::accept, EINVAL, Errc::closed},                 // somebody shut the listening socket down
      Row{Operation::read, EINVAL, Errc::closed},
      Row{Operation::write, EINVAL, Errc::closed},
      Row{{}, EBADF, Errc::closed},
      Row{{}, EPERM, std::errc::permission_denied},
      Row{{}, EAGAIN, std::errc::operation_would_block},
      Row{{}, ECONNRESET, std::errc::broken_pipe},
      Row{{}, ENOTCONN, std::errc::broken_pipe},
      Row{{}, ENFILE, std::errc::too_many_files_open},
      Row{{}, ETOOMANYREFS, std::errc::too_many_files_open},  // of descriptors under way (unix(7))
      Row{{}, ENOBUFS, std::errc::not_enough_memory},
      Row{{}, EDQUOT, std::errc::no_space_on_device},
      Row{{}, ENOLCK, std::errc::not_enough_memory},  // for the record of a lock (flock(2))
      Row{{}, ENOTSUP, std::errc::operation_not_supported},
      Row{{}, ENOTSOCK, std::errc::operation_not_supported},
      Row{{}, EAFNOSUPPORT, std::errc::operation_not_supported},  // a sandbox forbids sockets (systemd.exec(5))
      Row{{}, ENOPROTOOPT, std::errc::operation_not_supported},
      Row{{}, ENOTTY, std::errc::operation_not_supported},  // the ioctl (ioctl(2))
  };
  return rows;
}

}  // namespace

bool has_own_meaning(Operation operation, int code) noexcept {
  for (const Row& row : table()) {
    if (row.code == code && row.operation == operation) return true;
  }
  return false;
}

std::error_condition native_condition(Operation operation, int code) noexcept {
  for (const Row& row : table()) {
    if (row.code == code && row.operation.value_or(operation) == operation) return row.condition;
  }
  return std::generic_category().default_error_condition(code);
}

int native_code(Operation, const std::error_condition& condition) noexcept {
  if (condition.category() == std::generic_category()) return condition.value();
  return condition == Errc::closed ? EBADF : 0;
}

std::string native_message(int code) { return std::generic_category().message(code); }

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
