// Second states: what each call says of a stream that is no longer fresh. A table of states, a table of calls, and for
// each state what it says; what a state leaves out is as in a fresh stream.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/handles.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

/// A stream in some state, whole or as halves, and what it needs. The peer has written "hello".
struct Subject {
  LocalStream stream;
  LocalStream peer;
  std::optional<std::pair<LocalReader, LocalWriter>> halves;
  LocalStream other;                  // a duplicate
  LocalListener listener;             // that has its limit of connections
  std::chrono::milliseconds wait{1};  // of its calls

  template <class Call>
  auto reading(Call call) {
    return halves ? call(halves->first) : call(stream);
  }
  template <class Call>
  auto writing(Call call) {
    return halves ? call(halves->second) : call(stream);
  }
};

std::string said(const std::error_code& ec) {
  const std::pair<std::error_condition, const char*> names[] = {
      {std::errc::timed_out, "timed out"},
      {std::errc::operation_would_block, "would block"},
      {std::errc::operation_not_supported, "not supported"},
      {std::errc::broken_pipe, "broken pipe"},
      {std::errc::permission_denied, "permission denied"},
      {Errc::closed, "closed"},
      {Errc::end_of_stream, "end"},
  };
  if (!ec) return "ok";
  for (const auto& [condition, name] : names) {
    if (ec == condition) return name;
  }
  return ec.message();
}

std::string said(std::size_t count, const std::error_code& ec) {
  return std::to_string(count) + (ec ? ", " + said(ec) : "");
}

const char* const can_half_close = platform.can_half_close ? "ok" : "not supported";

/// What each call says; in a fresh stream, unless told otherwise.
struct Sayings {
  std::string read_some = "5";
  std::string read_on = "5, timed out";
  std::string read_exact = "5, timed out";
  std::string write_some = "5";
  std::string write_all = "5";
  std::string available = "5";
  std::string drain = "yes";
  std::string drain_unread = "no";
  std::string shutdown_write = can_half_close;
  std::string peer = "ok";
  std::string duplicate = "5";
  std::string native_handle = "a handle";
  std::string release = "a handle";
  std::string adopt = "5";
  std::string split = "5";
  std::string close = "closed";
  std::string settings = "5, timed out";
  std::string cancel = "5, timed out";
};

struct Call {
  const char* name;
  std::string Sayings::*saying;
  std::string (*make)(Subject&);
  bool halves_have_it = false;
};

/// Reads until nothing more comes.
template <class Reader>
std::string all_of(const Subject& s, Reader& reader) {
  std::array<std::byte, 3> buffer{};
  std::error_code ec;
  std::size_t total = 0;
  for (std::size_t count = 1; count != 0 && !ec;) total += count = reader.read_some(std::span(buffer), s.wait, ec);
  return said(total, ec);
}

template <class Reader>
std::string some_of(const Subject& s, Reader& reader) {
  std::array<std::byte, 8> buffer{};
  std::error_code ec;
  const std::size_t count = reader.read_some(std::span(buffer), s.wait, ec);
  return said(count, ec);
}

template <class Verb>
std::string write_by(Subject& s, Verb verb) {
  return s.writing([&](auto& writer) {
    std::error_code ec;
    const std::size_t count = verb(writer, ec);
    return said(count, ec);
  });
}

const Call calls[] = {
    {"read_some", &Sayings::read_some,
     [](Subject& s) { return s.reading([&](auto& reader) { return some_of(s, reader); }); }, true},
    {"read_some on and on", &Sayings::read_on,
     [](Subject& s) { return s.reading([&](auto& reader) { return all_of(s, reader); }); }, true},
    {"read_exact", &Sayings::read_exact,
     [](Subject& s) {
       return s.reading([&](auto& reader) {
         std::array<std::byte, 8> buffer{};
         std::error_code ec;
         const std::size_t count = reader.read_exact(std::span(buffer), s.wait, ec);
         return said(count, ec);
       });
     },
     true},
    {"write_some", &Sayings::write_some,
     [](Subject& s) {
       return write_by(s, [&](auto& writer, auto& ec) { return writer.write_some(bytes_of("world"), s.wait, ec); });
     },
     true},
    {"write_all", &Sayings::write_all,
     [](Subject& s) {
       return write_by(s, [&](auto& writer, auto& ec) { return writer.write_all(bytes_of("world"), s.wait, ec); });
     },
     true},
    {"available", &Sayings::available,
     [](Subject& s) {
       std::error_code ec;
       const std::size_t count = s.stream.available(ec);
       return ec ? said(ec) : std::to_string(count);
     }},
    {"drain", &Sayings::drain,
     [](Subject& s) -> std::string {
       std::error_code ec;
       const bool is_drained = s.stream.drain(10s, ec);
       return ec ? said(ec) : is_drained ? "yes" : "no";
     }},
    {"drain of what is not read", &Sayings::drain_unread,
     [](Subject& s) -> std::string {
       std::error_code ec;
       s.stream.write_all(bytes_of("world"), s.wait, ec);
       if (ec) return said(ec);
       const bool is_drained = s.stream.drain(s.wait, ec);
       return ec ? said(ec) : is_drained ? "yes" : "no";
     }},
    {"shutdown", &Sayings::shutdown_write,
     [](Subject& s) {
       std::error_code ec;
       s.stream.shutdown(Shutdown::write, ec);
       return said(ec);
     }},
    {"peer", &Sayings::peer,
     [](Subject& s) -> std::string {
       std::error_code ec;
       const PeerIdentity peer = s.stream.peer(ec);
       return ec ? said(ec) : peer.is_current_user() ? "ok" : "a stranger";
     }},
    {"duplicate", &Sayings::duplicate,
     [](Subject& s) {
       std::error_code ec;
       LocalStream copy = s.stream.duplicate(ec);
       return ec ? said(ec) : some_of(s, copy);
     }},
    {"native_handle", &Sayings::native_handle,
     [](Subject& s) -> std::string { return s.stream.native_handle() != invalid_handle ? "a handle" : "none"; }},
    {"release", &Sayings::release,
     [](Subject& s) -> std::string {
       const NativeHandle handle = s.stream.release();
       if (handle == invalid_handle) return "none";
       close_handle(handle);
       return s.stream.is_open() ? "still open" : "a handle";
     }},
    {"release and adopt", &Sayings::adopt,
     [](Subject& s) {
       std::error_code ec;
       LocalStream adopted = LocalStream::adopt(s.stream.release(), ec);
       return ec ? said(ec) : some_of(s, adopted);
     }},
    {"split and reunite", &Sayings::split,
     [](Subject& s) {
       auto [reader, writer] = std::move(s.stream).split();
       std::error_code ec;
       LocalStream whole = LocalStream::reunite(std::move(reader), std::move(writer), ec);
       return ec ? said(ec) : some_of(s, whole);
     }},
    {"close", &Sayings::close,
     [](Subject& s) {
       s.stream.close();
       std::error_code ec;
       s.stream.write_all("late", ec);
       return s.stream.is_open() ? "still open" : said(ec);
     }},
    {"settings", &Sayings::settings,
     [](Subject& s) {
       s.stream.set_read_timeout(s.wait);
       s.stream.set_read_deadline(Clock::now() + 10s);
       s.stream.set_read_deadline(std::nullopt);
       return all_of(s, s.stream);
     }},
    {"cancel", &Sayings::cancel,
     [](Subject& s) {
       s.stream.cancel();
       return all_of(s, s.stream);
     }},
};

struct State {
  const char* name;
  void (*enter)(Subject&);
  Sayings sayings = {};
  bool is_possible = true;
};

void wait_and_get(Subject& s) {
  s.peer.write_all("more");
  Bytes hello(9);
  s.stream.read_exact(hello);
  auto reading = run_async([&] { return some_of(s, s.stream); });
  EXPECT_EQ(reading.result(), "0, timed out");
  s.peer.write_all("hello");
}

void wait_in_vain(Subject& s) {
  Bytes bytes(6);
  EXPECT_OUTCOME(read_exact(s.stream, bytes, 5ms), 5, std::errc::timed_out);
  const Bytes much(4_MiB);
  Outcome written = write_all(s.stream, much, 5ms);
  EXPECT_CODE(written.ec, std::errc::timed_out);
  Bytes taken(written.count);
  s.peer.read_exact(taken);
  s.peer.write_all("hello");
}

const Sayings when_closed{
    .read_some = "0, closed",
    .read_on = "0, closed",
    .read_exact = "0, closed",
    .write_some = "0, closed",
    .write_all = "0, closed",
    .available = "closed",
    .drain = "closed",
    .drain_unread = "closed",
    .shutdown_write = "closed",
    .peer = "closed",
    .duplicate = "closed",
    .native_handle = "none",
    .release = "none",
    .adopt = "closed",
    .split = "0, closed",
    .close = "closed",
    .settings = "0, closed",
    .cancel = "0, closed",
};

const State states[] = {
    {"fresh", [](Subject&) {}},
    {"after a wait", wait_and_get},
    {"after a time-out", wait_in_vain},
    {"split", [](Subject& s) { s.halves.emplace(std::move(s.stream).split()); }},
    {"split and reunited",
     [](Subject& s) {
       auto [reader, writer] = std::move(s.stream).split();
       s.stream = LocalStream::reunite(std::move(reader), std::move(writer));
     }},
    {"duplicated", [](Subject& s) { s.other = s.stream.duplicate(); }},
    {"a duplicate",
     [](Subject& s) {
       s.other = std::move(s.stream);
       s.stream = s.other.duplicate();
     }},
    {"a duplicate alone", [](Subject& s) { s.stream = s.stream.duplicate(); }},
    {"adopted", [](Subject& s) { s.stream = LocalStream::adopt(s.stream.release()); }},
    {"adopted after a time-out",
     [](Subject& s) {
       wait_in_vain(s);
       s.stream = LocalStream::adopt(s.stream.release());
     }},
    {"released and adopted again",
     [](Subject& s) {
       s.stream = LocalStream::adopt(s.stream.release());
       wait_in_vain(s);
       s.stream = LocalStream::adopt(s.stream.release());
     }},
    {"with a handle that others know", [](Subject& s) { EXPECT_NE(s.stream.native_handle(), invalid_handle); }},
    {"peer gone",
     [](Subject& s) { s.peer.close(); },
     {.read_on = "5",
      .read_exact = "5, end",
      .write_some = "0, broken pipe",
      .write_all = "0, broken pipe",
      .drain_unread = "broken pipe",
      .settings = "5",
      .cancel = "5"}},
    {"peer half-closed",
     [](Subject& s) { s.peer.shutdown(Shutdown::write); },
     {.read_on = "5", .read_exact = "5, end", .settings = "5", .cancel = "5"},
     platform.can_half_close},
    {"half-closed",
     [](Subject& s) { s.stream.shutdown(Shutdown::write); },
     {.write_some = "0, broken pipe", .write_all = "0, broken pipe", .drain_unread = "broken pipe"},
     platform.can_half_close},
    {"closed", [](Subject& s) { s.stream.close(); }, when_closed},
    {"closed by another thread",
     [](Subject& s) {
       Bytes hello(5);
       s.stream.read_exact(hello);
       s.wait = 10s;
       auto reading = run_async([&] { return some_of(s, s.stream); });
       Thread([&s] { s.stream.close(); });
       reading.result();
     },
     when_closed},
    {"nonblocking",
     [](Subject& s) { s.stream.set_nonblocking(true); },
     {.read_on = "5, would block",
      .read_exact = "5, would block",
      .drain_unread = "would block",
      .settings = "5, would block",
      .cancel = "5, would block"}},
    {"once nonblocking",
     [](Subject& s) {
       s.stream.set_nonblocking(true);
       Bytes bytes(6);
       EXPECT_OUTCOME(read_exact(s.stream, bytes), 5, std::errc::operation_would_block);
       s.stream.set_nonblocking(false);
       s.peer.write_all("hello");
     }},
};

/// Which end of the connection is looked at.
enum class End { client, server };

class SecondState : public ::testing::TestWithParam<std::pair<State, End>> {
 protected:
  static Subject subject() {
    Subject s;
    s.listener = listening({.max_connections = 1});
    s.stream = LocalStream::connect(s.listener.local_address());
    s.peer = s.listener.accept();
    if (GetParam().second == End::server) std::swap(s.stream, s.peer);
    s.peer.write_all("hello");
    return s;
  }
};

std::vector<std::pair<State, End>> every_state() {
  std::vector<std::pair<State, End>> all;
  for (const State& state : states) {
    if (!state.is_possible) continue;
    for (const End end : {End::client, End::server}) all.emplace_back(state, end);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Is, SecondState, ::testing::ValuesIn(every_state()), [](const auto& info) {
  std::string name = info.param.first.name;
  for (char& c : name) c = c == ' ' || c == '-' ? '_' : c;
  return name + (info.param.second == End::client ? "_client" : "_server");
});

TEST_P(SecondState, OfAStreamThatIsCalled) {
  const State& state = GetParam().first;
  for (const Call& call : calls) {
    SCOPED_TRACE(call.name);
    Subject s = subject();
    state.enter(s);
    if (s.halves && !call.halves_have_it) continue;
    const std::string& saying = state.sayings.*call.saying;
    const bool waits_in_vain = saying.ends_with("timed out") || saying == "no";
    s.wait = waits_in_vain ? 1ms : 10s;
    EXPECT_EQ(call.make(s), saying);
  }
}

/// That the one permit is given back once, whatever has become of the stream.
TEST_P(SecondState, GivesItsPermitBack) {
  Subject s = subject();
  GetParam().first.enter(s);
  LocalStream further = LocalStream::connect(s.listener.local_address());
  s.stream = LocalStream();
  s.halves.reset();
  s.other = LocalStream();
  s.peer = LocalStream();
  LocalStream next = s.listener.accept(soon());
  expect_connected(further, next);
  EXPECT_CODE(accept(s.listener, 0s).ec, std::errc::timed_out);
  const LocalStream third = LocalStream::connect(s.listener.local_address());
  EXPECT_CODE(accept(s.listener, 0s).ec, std::errc::timed_out) << "one too many";
}

}  // namespace
}  // namespace localsocket::test
