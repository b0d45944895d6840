#include "bind_targets.hpp"

#include "runtime_directory.hpp"

#include <utility>

namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend {

std::vector<BindTarget> bind_targets_of(const AddressParts& parts, std::error_code& ec) {
  std::vector<BindTarget> targets;
  for (std::size_t i = 0; i < parts.natives.size() && !ec; ++i) {
    const std::string& path = parts.natives[i].text;
    const bool is_last = i + 1 == parts.natives.size();
    // One that could not be looked at may have a listener of this name.
    if (!is_last && !is_good_directory(directory_of(path), ec)) continue;
    std::error_code problem;
    SocketDirectory directory =
        targets.empty() ? SocketDirectory::make(path, problem) : SocketDirectory::of(path, Operation::bind, problem);
    if (!problem) {
      targets.push_back({i, path, std::move(directory)});
    } else if (targets.empty()) {
      ec = problem;  // else what somebody has put into /tmp is in nobody's way
    }
  }
  return targets;
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::unix_backend
