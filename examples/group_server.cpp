// A service for the members of one group, from one source for both systems:
//
//     group_server <address> <group> [clients]
//
// It tells each client who it is, by what the system says, and ends after that many clients (default: never). A group
// is a Unix group; on Windows an account's or a group's name, or a SID. A user's name would not do: it is for its user
// alone. So give it a name of the machine, if you may have one, or a path:
//
//     group_server machine:who staff                    (as root, or on Windows)
//     group_server ./who.sock staff

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <system_error>

using localsocket::LocalListener;
using localsocket::LocalStream;

namespace {

void tell(LocalStream stream) {
  using namespace std::chrono_literals;
  std::error_code gone;
  std::ostringstream who;
  who << "you are " << stream.peer(gone) << '\n';
  stream.write_all(who.str(), 1s, gone);  // a client that does not read is not waited for
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: group_server <address> <group> [clients]\n";
    return 2;
  }
  try {
    // Members may connect; on Windows they may not serve the name as well. This user may in any case.
    LocalListener listener = LocalListener::bind(argv[1], {.group = argv[2]});
    std::cout << "listening on " << listener.local_address().native() << std::endl;
    int left = argc == 4 ? std::atoi(argv[3]) : -1;
    while (left != 0) {
      tell(listener.accept());
      if (left > 0) --left;
    }
    return 0;
  } catch (const std::exception& error) {
    // permission_denied: the process is not in the group. invalid_argument: there is no such group.
    std::cerr << "group_server: " << error.what() << '\n';
    return 1;
  }
}
