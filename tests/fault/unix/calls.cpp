// What only Unix domain sockets have: files, abstract names, a directory of last resort, descriptors in messages.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <localsocket/unix/descriptors.hpp>
#include <memory>
#include <string>
#include <vector>

#include "fault/calls.hpp"
#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"
#include "unix/files.hpp"

namespace localsocket::test {
namespace {

std::string unique_name() { return std::filesystem::path(LocalAddress::unique().native()).filename().string(); }

/// An address in the directory for those who have no better one. What is left there is removed.
struct InFallbackDirectory : Binding {
  InFallbackDirectory() { address = directory() + "/" + name; }
  ~InFallbackDirectory() {
    listener.close();
    for (const std::string& file : {name, "." + name + ".localsocket"}) {
      std::error_code ignored;
      std::filesystem::remove(directory() + "/" + file, ignored);
    }
  }
  static std::string directory() { return "/tmp/localsocket-" + std::to_string(::geteuid()); }

  std::string name = unique_name();
};

struct Replacing : Binding {
  Replacing() { old = LocalListener::bind(address); }
  LocalListener old;
};

const bool unix_listeners = add_calls({
    {"bind in place of a live listener",
     [] {
       return prepared(
           std::make_shared<Replacing>(),
           [](Replacing& s) {
             std::error_code ec;
             s.listener = LocalListener::bind(s.address, {.existing = Existing::replace}, ec);
             return ec;
           },
           [](Replacing& s, const std::error_code&) {
             if (!s.listener.is_open()) {
               expect_meeting(s.old);
               s.listener = LocalListener::bind(s.address, {.existing = Existing::replace});
             }
             expect_meeting(s.listener);
           });
     }},
    {"bind in the directory of last resort", [] { return bind_with({}, std::make_shared<InFallbackDirectory>()); }},
    {"connect in the directory of last resort",
     [] { return connect_with({}, std::make_shared<InFallbackDirectory>()); }},
});

const bool abstract_names = !platform.has_abstract_names || add_calls({
                                                                {"bind to an abstract name",
                                                                 [] {
                                                                   auto state = std::make_shared<Binding>();
                                                                   state->address = "@" + unique_name();
                                                                   return bind_with({}, state);
                                                                 }},
                                                            });

struct Descriptors {
  Ends ends = connected_ends();
  std::array<std::byte, 4> buffer{};
  std::size_t sent = 0;
  posix::Received received;

  /// What was sent and has not come yet, comes now, and with it one descriptor.
  void expect_all() {
    while (received.bytes < sent) {
      auto more = posix::receive_descriptors(ends.server, buffer, 10s);
      ASSERT_NE(more.bytes, 0U);
      received.bytes += more.bytes;
      received.descriptors.insert(received.descriptors.end(), more.descriptors.begin(), more.descriptors.end());
    }
    EXPECT_EQ(received.descriptors.size(), sent != 0 ? 1U : 0U);
    for (const int descriptor : received.descriptors) close_handle(descriptor);
    expect_connected(ends.client, ends.server);
  }
};

const bool descriptors = add_calls({
    {"send descriptors",
     [] {
       return prepared(
           std::make_shared<Descriptors>(),
           [](Descriptors& s) {
             std::error_code ec;
             s.sent = posix::send_descriptors(s.ends.client, {{STDIN_FILENO}}, bytes_of("ping"), 10s, ec);
             return ec;
           },
           [](Descriptors& s, const std::error_code&) { s.expect_all(); });
     }},
    {"receive descriptors",
     [] {
       auto state = std::make_shared<Descriptors>();
       state->sent = posix::send_descriptors(state->ends.client, {{STDIN_FILENO}}, bytes_of("ping"));
       return prepared(
           state,
           [](Descriptors& s) {
             std::error_code ec;
             s.received = posix::receive_descriptors(s.ends.server, s.buffer, 10s, ec);
             return ec;
           },
           [](Descriptors& s, const std::error_code&) { s.expect_all(); });
     }},
});

}  // namespace
}  // namespace localsocket::test
