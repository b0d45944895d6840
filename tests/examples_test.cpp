// The example programs, each in a process of its own, as a user would run them.
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/programs.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Starts an example. It looks for its peer for a while, so the two may be started in any order.
ChildProcess run(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command_line{EXAMPLES "/" + name};
  command_line.insert(command_line.end(), arguments.begin(), arguments.end());
  return spawn_program(command_line);
}

std::vector<std::string> lines_of(ChildProcess& process) {
  std::vector<std::string> lines;
  for (std::string line = process.read_line(); !line.empty(); line = process.read_line()) lines.push_back(line);
  return lines;
}

/// An example that serves until the end of its standard input.
class Server {
 public:
  Server(const std::string& name, const std::vector<std::string>& arguments) : process_(run(name, arguments)) {
    EXPECT_THAT(process_.read_line(), StartsWith("listening on "));
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    process_.close_input();
    EXPECT_EQ(process_.wait(), 0);
  }

  std::string read_line() { return process_.read_line(); }

 private:
  ChildProcess process_;
};

/// Prints so many lines, and exits with that code.
CHILD_PROCESS(print_lines) {
  for (int i = 0; i < std::stoi(args[0]); ++i) std::printf("line %d\n", i);
  return std::stoi(args[1]);
}

std::string printed_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text.append("line ").append(std::to_string(i)).append(platform.printed_newline);
  return text;
}

/// The arguments of an example that runs print_lines.
std::vector<std::string> with_lines(std::vector<std::string> arguments, int count, int exit_code) {
  for (std::string& word : child_command_line("print_lines", {std::to_string(count), std::to_string(exit_code)})) {
    arguments.push_back(std::move(word));
  }
  return arguments;
}

constexpr int many = 20'000;

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

class Example : public ::testing::Test {
 protected:
  const std::string address = LocalAddress::unique().text();
};

/// With a directory of its own, which the example or the test makes.
class DirectoryExample : public Example {
 protected:
  ~DirectoryExample() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  const std::filesystem::path directory = std::filesystem::temp_directory_path() / address;
};

// ---- echo

class EchoExample : public Example, public ::testing::WithParamInterface<const char*> {};

TEST_P(EchoExample, AnswersEachOfManyClients) {
  Server server(GetParam(), {address});
  LocalStream idle = LocalStream::connect(address);
  std::vector<ChildProcess> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(run("echo_client", {address, "client", std::to_string(i)}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(lines_of(clients[i]), ElementsAre("client " + std::to_string(i)));
    EXPECT_EQ(clients[i].wait(), 0);
  }
  idle.write_all("still here");
  EXPECT_EQ(read_text(idle, 10), "still here");
}

INSTANTIATE_TEST_SUITE_P(With, EchoExample, ::testing::Values(ECHO_SERVERS));

// ---- many

TEST_F(Example, AClientThatReadsNothingHoldsUpNoOther) {
  Server server("many_echo", {address});
  LocalStream lazy = LocalStream::connect(address);
  lazy.set_nonblocking(true);
  std::error_code ec;
  std::size_t written = 0;
  // What it does not read stops its bytes from being taken, sooner or later.
  for (const Bytes bytes(64 * 1024); !ec && written < many * bytes.size();) {
    written += lazy.write_some(bytes, ec);
    if (ec == std::errc::operation_would_block) {
      lazy.set_nonblocking(false);
      ec.clear();
      written += lazy.write_some(bytes, 100ms, ec);
      lazy.set_nonblocking(true);
    }
  }
  LocalStream other = LocalStream::connect(address);
  other.write_all("other");
  EXPECT_EQ(read_text(other, 5), "other");
  lazy.set_nonblocking(false);
  Bytes echoed(written);
  EXPECT_OUTCOME(read_exact(lazy, echoed, 10s), written, success);
}

/// Connects, says something, and exits.
CHILD_PROCESS(say_and_exit) {
  LocalStream stream = LocalStream::connect(args[0]);
  stream.write_all(args[1] + "\n");
  return 0;
}

TEST_F(Example, OneThreadWaitsForClientsTheirWordsAndTheirExit) {
  Server server("wait_for_any", {address});
  for (const std::string word : {"one", "two"}) {
    ChildProcess child = spawn("say_and_exit", {address, word});
    EXPECT_EQ(server.read_line(), "process " + std::to_string(child.id()) + " has come");
    EXPECT_EQ(server.read_line(), word);
    EXPECT_EQ(server.read_line(), "it has exited");
    EXPECT_EQ(child.wait(), 0);
  }
}

// ---- group

/// A group that this process is in: on Unix its own, on Windows its user, who can be asked for as well.
std::string own_group() {
  const PeerIdentity self = LocalStream::pair().first.peer();
  return self.group_id ? std::to_string(*self.group_id) : self.sid;
}

TEST_F(Example, AGroupIsServedAndToldWhoItIs) {
  const LocalAddress path = open_address();
  ChildProcess server = run("group_server", {path.text(), own_group(), "2"});
  EXPECT_EQ(server.read_line(), "listening on " + path.native());
  for (int i = 0; i < 2; ++i) {
    LocalStream client = LocalStream::connect(path);
    EXPECT_THAT(text_until_end(client), StartsWith("you are pid "));
  }
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Example, AGroupThatDoesNotExistIsReported) {
  ChildProcess server = run("group_server", {open_address().text(), "no such group"});
  EXPECT_THAT(server.read_line(), StartsWith("group_server: bind "));
  EXPECT_EQ(server.wait(), 1);
}

// ---- output

TEST_F(Example, TheOutputOfACommandArrivesInAnotherProcessAsItIs) {
  ChildProcess receiver = run("output_receiver", {address});
  ChildProcess sender = run("output_sender", with_lines({address}, many, 7));
  EXPECT_EQ(receiver.read_to_end(), printed_lines(many));
  EXPECT_EQ(receiver.wait(), 0);
  EXPECT_EQ(sender.read_to_end(), "");
  EXPECT_EQ(sender.wait(), 7) << "the command's exit code";
}

TEST_F(Example, ACommandThatDoesNotExistIsReportedAndNothingArrives) {
  ChildProcess receiver = run("output_receiver", {address});
  ChildProcess sender = run("output_sender", {address, EXAMPLES "/no such program"});
  EXPECT_THAT(sender.read_line(), StartsWith("output_sender: "));
  EXPECT_EQ(sender.wait(), 1);
  EXPECT_EQ(receiver.read_to_end(), "");
  EXPECT_EQ(receiver.wait(), 0);
}

// ---- files

TEST_F(DirectoryExample, AFileThatOneProcessOpensIsReadByAnother) {
  std::filesystem::create_directories(directory / "inner");
  const std::string content = text_of(some_bytes(200'000));
  std::ofstream(directory / "file", std::ios::binary) << content;
  Server server("open_file_server", {address, directory.string()});
  ChildProcess client = run("open_file_client", {address, "file", "file"});
  EXPECT_EQ(client.read_to_end(), content + content);
  EXPECT_EQ(client.wait(), 0);
  for (const std::string name : {"none", "inner", "..", "inner/../file"}) {
    ChildProcess refused = run("open_file_client", {address, name});
    EXPECT_EQ(refused.read_line(), "open_file_client: " + name + ": error: there is no such file");
    EXPECT_EQ(refused.wait(), 1);
  }
}

// ---- frames

TEST_F(DirectoryExample, FramesAreDrawnByOneProcessAndWrittenByAnother) {
  if (!platform.has_shared_memory) GTEST_SKIP() << "operation_not_supported here";
  ChildProcess producer = run("frame_producer", {address, "5"});
  EXPECT_THAT(producer.read_line(), StartsWith("listening on "));
  ChildProcess consumer = run("frame_consumer", {address, directory.string()});
  EXPECT_THAT(lines_of(consumer), ElementsAre("5 frames"));
  EXPECT_EQ(consumer.wait(), 0);
  EXPECT_EQ(producer.wait(), 0);
  std::set<std::string> pictures;
  for (int i = 0; i < 5; ++i) pictures.insert(contents(directory / (std::to_string(i) + ".png")));
  EXPECT_EQ(pictures.size(), 5U) << "each frame is another picture";
  // The signature of a PNG, and its header: the size in pixels, 8 bits each of red, green and blue.
  const std::string_view head("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\0\0\0\x02\xd0\x08\x02", 26);
  for (const std::string& picture : pictures) EXPECT_EQ(picture.substr(0, head.size()), head);
}

// ---- rpc

TEST_F(Example, RpcAnswersThePipelinedRequestsOfManyClients) {
  Server server("rpc_server", {address});
  const LocalStream idle = LocalStream::connect(address);
  constexpr int calls = 50;
  std::vector<ChildProcess> clients;
  std::vector<std::vector<std::string>> expected;
  for (int client = 0; client < 3; ++client) {
    std::vector<std::string> arguments{address};
    std::vector<std::string> results;
    for (int call = 0; call < calls; ++call) {
      const std::string pair = "[" + std::to_string(client) + "," + std::to_string(call) + "]";
      arguments.insert(arguments.end(), {"sum", pair, "echo", pair, "upper", "[\"a\\\"b\"]"});
      results.insert(results.end(), {std::to_string(client + call) + ".0", pair, "\"A\\\"B\""});
    }
    clients.push_back(run("rpc_client", arguments));
    expected.push_back(results);
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(lines_of(clients[i]), expected[i]);
    EXPECT_EQ(clients[i].wait(), 0);
  }
}

TEST_F(Example, RpcReportsTheCallsThatFailedBesideThoseThatDidNot) {
  Server server("rpc_server", {address});
  ChildProcess client = run("rpc_client", {address, "nothing", "[]", "sum", "[\"text\"]", "sum", "[1]"});
  const std::vector<std::string> lines = lines_of(client);
  EXPECT_EQ(client.wait(), 1);
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre(HasSubstr("-32601"), HasSubstr("-32602"), "1.0"));
}

TEST_F(Example, RpcAnswersWhatIsNoRequestAndGoesOn) {
  Server server("rpc_server", {address});
  MessageStream messages(LocalStream::connect(address));
  std::string reply;
  for (const auto& [request, answer] :
       {std::pair{"{", "-32700"}, std::pair{"[]", "-32600"}, std::pair{"7", "-32600"}}) {
    messages.send(std::string_view(request));
    ASSERT_TRUE(messages.receive(reply));
    EXPECT_THAT(reply, HasSubstr(answer));
  }
  messages.send(R"({"jsonrpc": "2.0", "id": 1, "method": "sum", "params": [1, 2]})");
  ASSERT_TRUE(messages.receive(reply));
  EXPECT_THAT(reply, HasSubstr(R"("result":3.0)"));
}

// ---- control

TEST_F(Example, AControlSocketAnswersEachLine) {
  Server server("control_server", {address});
  ChildProcess first = run("control_client", {address, "set volume 50", "set name  a b ", "list"});
  EXPECT_THAT(lines_of(first), ElementsAre("ok", "ok", "ok name volume"));
  EXPECT_EQ(first.wait(), 0);
  ChildProcess second = run("control_client", {address, "get volume", "get nothing", ""});
  EXPECT_THAT(lines_of(second), ElementsAre("ok 50", StartsWith("error: "), StartsWith("error: ")));
  EXPECT_EQ(second.wait(), 1);
  // As a person's terminal sends it.
  LocalStream terminal = LocalStream::connect(address);
  terminal.write_all("get name\r\n");
  EXPECT_EQ(read_text(terminal, 8), "ok a b \n");
}

// ---- language server

TEST_F(Example, ALanguageServerIsInitializedToldOfATextAndShutDown) {
  ChildProcess client = run("lsp_client", {"--pipe=" + address});
  const std::string listening_on = client.read_line();
  ASSERT_THAT(listening_on, StartsWith("listening on "));
  // An editor gives the native name.
  ChildProcess server = run("lsp_server", {"--pipe=" + listening_on.substr(13)});
  client.write("nothing here\nint main() {}  // TODO\n");
  client.close_input();
  EXPECT_THAT(lines_of(client), ElementsAre("lsp_server", "2: this is left to do"));
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(Example, ALanguageServerThatIsLeftAloneFails) {
  LocalListener editor = LocalListener::bind(address);
  ChildProcess server = run("lsp_server", {"--pipe=" + editor.local_address().native()});
  MessageStream messages(editor.accept(30s), {.framing = Framing::content_length});
  messages.send(R"({"jsonrpc": "2.0", "method": "exit"})");
  EXPECT_FALSE(messages.receive(30s));
  EXPECT_EQ(server.wait(), 1) << "without a shutdown";
}

// ---- ssh-agent

/// The variable by which programs of OpenSSH find an agent.
std::string agent_at(const std::string& path) { return "SSH_AUTH_SOCK=" + path; }

TEST_F(Example, AnAgentWithoutKeysIsAskedForThem) {
  Server server("ssh_agent_server", {address});
  ChildProcess client = run("ssh_agent_client", {address});
  EXPECT_THAT(lines_of(client), ElementsAre("no keys"));
  EXPECT_EQ(client.wait(), 0);
}

TEST_F(Example, SshAddFindsAnAgentWithoutKeys) {
  SKIP_WITHOUT_PROGRAM("ssh-add");
  Server server("ssh_agent_server", {address});
  ChildProcess ssh_add = spawn_program(
      {installed_program("env"), agent_at(LocalAddress(address).native()), installed_program("ssh-add"), "-l"});
  EXPECT_EQ(ssh_add.read_line(), "The agent has no identities.");
  EXPECT_EQ(ssh_add.wait(), 1);
}

TEST_F(Example, AKeyOfSshAgentIsListed) {
  for (const char* const program : {"ssh-agent", "ssh-add", "ssh-keygen"}) SKIP_WITHOUT_PROGRAM(program);
  const std::string path = LocalAddress(address).native();
  const std::filesystem::path directory = std::filesystem::temp_directory_path() / address;
  std::filesystem::create_directories(directory);
  const std::string key = (directory / "key").string();
  ChildProcess agent = spawn_program({installed_program("ssh-agent"), "-D", "-a", path});
  EXPECT_THAT(agent.read_line(), StartsWith(agent_at(path)));
  ChildProcess keygen =
      spawn_program({installed_program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "a key", "-f", key});
  EXPECT_EQ(keygen.wait(), 0);
  ChildProcess add = spawn_program({installed_program("env"), agent_at(path), installed_program("ssh-add"), key});
  EXPECT_EQ(add.wait(), 0);
  std::filesystem::remove_all(directory);
  ChildProcess client = spawn_program({installed_program("env"), agent_at(path), EXAMPLES "/ssh_agent_client"});
  EXPECT_THAT(lines_of(client), ElementsAre("ssh-ed25519 a key"));
  EXPECT_EQ(client.wait(), 0);
}

// ---- log

class LogExample : public DirectoryExample {
 protected:
  /// What was stored in a file of a log's directory.
  std::string stored(const std::string& file) const { return contents(directory / file); }

  void expect_stored(const std::string& log) {
    EXPECT_THAT(server.read_line(), StartsWith("storing "));
    EXPECT_EQ(server.read_line(), "stored " + log);
  }

  Server server{"log_server", {address, directory.string()}};
};

TEST_F(LogExample, StoresATextWithItsHeader) {
  ChildProcess client = run("log_client", {address, "build/steps", "text", "host=here", "os=this"});
  client.write("one\ntwo\n");
  client.close_input();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.wait(), 0);
  expect_stored("1-build_steps");
  EXPECT_EQ(stored("1-build_steps/text.log"), "one\ntwo\n");
  const std::string header = stored("1-build_steps/header.json");
  for (const char* field : {R"("name": "build/steps")", R"("type": "text")", R"("contentType": "text/plain")",
                            R"("timestamp": ")", R"("host": "here")", R"("os": "this")"}) {
    EXPECT_THAT(header, HasSubstr(field));
  }
}

TEST_F(LogExample, StoresBytesAsTheyAre) {
  std::string bytes;
  for (int i = 0; i < 100 * 256; ++i) bytes += static_cast<char>(i);
  bytes += "\r\n\n\r\x1a the end";
  ChildProcess client = run("log_client", {address, "core", "binary"});
  client.write(bytes);
  client.close_input();
  EXPECT_EQ(client.wait(), 0);
  expect_stored("1-core");
  EXPECT_TRUE(stored("1-core/binary.log") == bytes);
}

TEST_F(LogExample, StoresDatagramsEachBehindItsLength) {
  const std::string longer(200, 'x');
  ChildProcess client = run("log_client", {address, "events", "datagram"});
  client.write("one\n\n" + longer + "\n");
  client.close_input();
  EXPECT_EQ(client.wait(), 0);
  expect_stored("1-events");
  EXPECT_EQ(stored("1-events/datagrams.recordio"), std::string("\x03one\x00\xc8\x01", 7) + longer);
}

TEST_F(LogExample, StoresTheOutputOfACommand) {
  ChildProcess client = run("log_client", with_lines({address, "make", "text", "host=here", "--"}, many, 7));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(client.wait(), 7) << "the command's exit code";
  expect_stored("1-make");
  EXPECT_EQ(stored("1-make/text.log"), printed_lines(many));
  EXPECT_THAT(stored("1-make/header.json"), HasSubstr(R"("host": "here")"));
}

TEST_F(LogExample, StoresManyAtOnce) {
  LocalStream idle = LocalStream::connect(address);
  idle.write_all("BTLR");
  std::vector<ChildProcess> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(run("log_client", {address, "same", "text"}));
  for (ChildProcess& client : clients) client.write("text");
  for (ChildProcess& client : clients) client.close_input();
  for (ChildProcess& client : clients) EXPECT_EQ(client.wait(), 0);
  for (int i = 0; i < 6; ++i) EXPECT_THAT(server.read_line(), ::testing::MatchesRegex("stor.*-same"));
  for (const char* log : {"1-same", "2-same", "3-same"}) EXPECT_EQ(stored(std::string(log) + "/text.log"), "text");
}

TEST_F(LogExample, DatagramsFromACommandAreAnErrorBeforeAnythingIsSent) {
  ChildProcess client = run("log_client", with_lines({address, "make", "datagram", "--"}, 1, 0));
  EXPECT_EQ(client.read_line(), "log_client: a child's output cannot be a stream of datagrams");
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

/// A stream that the server cannot take, and what it says of it.
struct BadLog {
  const char* name;
  std::string_view bytes;
  const char* message;
};

using namespace std::string_view_literals;
const BadLog bad_logs[] = {
    {"Nothing", "", "refused a stream: the stream does not begin with BTLR1\\x1e"},
    {"AnotherMagic", "GET / HTTP/1.1\r\n\r\n", "refused a stream: the stream does not begin with BTLR1\\x1e"},
    {"NoHeader", "BTLR1\x1e", "refused a stream: the stream ended before the header"},
    {"HalfAHeader", "BTLR1\x1e\x05{", "refused a stream: the header's length is malformed, or it is cut short"},
    {"AHeaderThatIsTooLong", "BTLR1\x1e\x81\x80\x40", "refused a stream: the header is longer than 1 MiB"},
    {"NoJson", "BTLR1\x1e\x02no", "refused a stream: the header is not a JSON object"},
    {"NoName", "BTLR1\x1e\x02{}", "refused a stream: the header's \"name\" is missing, or not a text"},
    {"NoType", "BTLR1\x1e\x2a{\"name\":\"x\",\"contentType\":\"\",\"type\":\"tap\"}",
     "refused a stream: the type is \"tap\", not text, binary or datagram"},
};

class MalformedLog : public LogExample, public ::testing::WithParamInterface<BadLog> {};
INSTANTIATE_TEST_SUITE_P(, MalformedLog, ::testing::ValuesIn(bad_logs),
                         [](const auto& info) { return info.param.name; });

TEST_P(MalformedLog, IsRefusedWithTheReasonAndTheServerGoesOn) {
  LocalStream bad = LocalStream::connect(address);
  bad.write_all(GetParam().bytes);
  bad.close();
  EXPECT_EQ(server.read_line(), GetParam().message);
  EXPECT_TRUE(std::filesystem::is_empty(directory));

  ChildProcess good = run("log_client", {address, "good"});
  good.write("text");
  good.close_input();
  EXPECT_EQ(good.wait(), 0);
  expect_stored("1-good");
  EXPECT_EQ(stored("1-good/text.log"), "text");
}

TEST_F(Example, ADaemonIsServedByTheChildAfterTheParentHasGone) {
  if (!platform.can_fork) GTEST_SKIP() << "there is no fork";
  ChildProcess parent = run("daemon", {address});
  ASSERT_EQ(parent.wait(), 0);
  const auto process_of_daemon = [&](std::string_view word) {
    LocalStream client = LocalStream::connect(address);
    client.write_all(word);
    client.shutdown(Shutdown::write);
    return text_until_end(client);
  };
  const std::string process = process_of_daemon("");
  EXPECT_THAT(process, ::testing::Not(AnyOf("", std::to_string(parent.id()) + "\n")));
  EXPECT_EQ(process_of_daemon("help"), process);
  EXPECT_EQ(process_of_daemon("stop"), process);
  // What it has left is taken over.
  LocalListener next = LocalListener::bind(address);
  expect_serving(next);
}

// ---- started when there is none

/// The daemon at an address.
PeerProcess daemon_at(const std::string& address) { return LocalStream::connect(address, 10s).peer_process(); }

TEST_F(Example, ADaemonIsStartedByItsClientsAndEndsWhenIdle) {
  ChildProcess first = run("on_demand", {address, "2", "one", "two", "one"});
  EXPECT_THAT(lines_of(first), ElementsAre(StartsWith("one 1"), StartsWith("two 1"), StartsWith("one 2")));
  EXPECT_EQ(first.wait(), 0);
  const PeerProcess daemon = daemon_at(address);
  EXPECT_NE(daemon.process_id(), first.id());
  ChildProcess second = run("on_demand", {address, "2", "one"});
  EXPECT_THAT(lines_of(second), ElementsAre(StartsWith("one 3"))) << "the same daemon";
  EXPECT_TRUE(daemon.wait_for_exit(60s));
  EXPECT_EQ(probe(address), Presence::nobody);
}

TEST_F(Example, ManyClientsStartOneDaemon) {
  constexpr std::size_t size = 8;
  std::vector<ChildProcess> clients;
  for (std::size_t i = 0; i < size; ++i) clients.push_back(run("on_demand", {address, "2", "one"}));
  std::vector<std::string> counts;
  for (ChildProcess& client : clients) {
    for (const std::string& line : lines_of(client)) counts.push_back(line.substr(0, 5));
  }
  EXPECT_THAT(counts,
              ::testing::UnorderedElementsAre("one 1", "one 2", "one 3", "one 4", "one 5", "one 6", "one 7", "one 8"));
  EXPECT_TRUE(daemon_at(address).wait_for_exit(60s));
}

TEST_F(Example, ASecondInstanceHandsItsArgumentsToTheFirst) {
  ChildProcess first = run("single_instance", {address, "own"});
  EXPECT_THAT(first.read_line(), StartsWith("own"));
  ChildProcess second = run("single_instance", {address, "a b", "c"});
  EXPECT_EQ(second.wait(), 0);
  EXPECT_THAT(first.read_line(), StartsWith("a b"));
  EXPECT_THAT(first.read_line(), StartsWith("c"));
  first.kill();
  ChildProcess third = run("single_instance", {address, "next"});
  EXPECT_THAT(third.read_line(), StartsWith("next")) << "it is the first now";
  EXPECT_EQ(run("single_instance", {address, "quit"}).wait(), 0);
  EXPECT_EQ(third.wait(), 0);
}

}  // namespace
}  // namespace localsocket::test
