#include "fault/calls.hpp"

#include <string_view>

#include "support/test.hpp"

namespace localsocket::test {
namespace {

std::vector<CallRow>& all_rows() {
  static std::vector<CallRow> rows;
  return rows;
}

}  // namespace

const std::vector<CallRow>& call_rows() { return all_rows(); }

std::string test_name(const CallRow& row) {
  std::string name = row.name;
  for (char& c : name) c = std::string_view(" ,").find(c) != std::string_view::npos ? '_' : c;
  return name;
}

bool add_calls(std::vector<CallRow> rows) {
  all_rows().insert(all_rows().end(), rows.begin(), rows.end());
  return true;
}

void expect_meeting(LocalListener& listener, LocalStream& client) {
  client.write_all("ping");
  for (;;) {
    LocalStream server = listener.accept(10s);
    Bytes bytes(4);
    read_exact(server, bytes, 10s);
    if (text_of(bytes) != "ping") continue;
    server.write_all("pong");
    client.read_exact(bytes, 10s);
    EXPECT_EQ(text_of(bytes), "pong");
    return;
  }
}

void expect_meeting(LocalListener& listener) {
  LocalStream client = LocalStream::connect(listener.local_address(), 10s);
  expect_meeting(listener, client);
}

}  // namespace localsocket::test
