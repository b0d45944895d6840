// The program localsocket, in a process of its own, as a user would run it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/test.hpp"
#include "support/thread.hpp"

namespace localsocket::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ChildProcess run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TOOL);
  return spawn_program(arguments);
}

int status_of(const std::vector<std::string>& arguments) {
  ChildProcess tool = run(arguments);
  tool.close_input();
  return tool.wait();
}

/// What it prints, without the end of the line, once it has ended well.
std::string output_of(const std::vector<std::string>& arguments) {
  ChildProcess tool = run(arguments);
  const std::string line = tool.read_line();
  EXPECT_EQ(tool.wait(), 0) << line;
  return line;
}

/// What a shell prints, and its exit status.
std::pair<std::string, int> shell(const std::string& script) {
  ChildProcess process = spawn_program({"/bin/sh", "-c", script});
  const std::string output = process.read_to_end();
  return {output, process.wait()};
}

class Tool : public ::testing::Test {
 protected:
  const std::string address = LocalAddress::unique().text();
  const std::string target = LocalAddress::unique().text();
};

// ---- exit statuses

TEST_F(Tool, SaysWhatAnAddressIs) {
  EXPECT_EQ(output_of({"address", address}), LocalAddress(address).native());
  EXPECT_EQ(output_of({"address", "machine:echo"}),
            std::string(platform.machine_prefix) + "echo" + std::string(platform.machine_suffix));
  EXPECT_THAT(output_of({"--version"}), StartsWith("localsocket "));
  EXPECT_EQ(status_of({"relay", "--help"}), 0);
}

TEST_F(Tool, UsageAndMalformedAddressesAreTwo) {
  EXPECT_EQ(status_of({}), 2);
  EXPECT_EQ(status_of({"connect"}), 2);
  EXPECT_EQ(status_of({"listen", address, "--no-such-option"}), 2);
  EXPECT_EQ(status_of({"relay", address, target, "--dump", "colours"}), 2);
  EXPECT_EQ(status_of({"address", "-"}), 2);
  EXPECT_EQ(status_of({"connect", "no name"}), 2);
  EXPECT_EQ(status_of({"probe", std::string(101, 'a')}), 2);
}

TEST_F(Tool, NobodyListensIsThree) {
  EXPECT_EQ(status_of({"connect", address, "--timeout", "0"}), 3);
  EXPECT_EQ(status_of({"peer", address, "--timeout", "0"}), 3);
  EXPECT_EQ(status_of({"probe", address}), 3);
  ChildProcess relay = run({"relay", address, target, "--once", "-v"});
  ASSERT_THAT(relay.read_line(), StartsWith("listening on "));
  LocalStream client = LocalStream::connect(address);
  EXPECT_EQ(text_until_end(client), "") << "a client whose target is not there meets the end";
  EXPECT_EQ(relay.wait(), 3);
}

TEST_F(Tool, NoClientInTimeIsFour) {
  EXPECT_EQ(status_of({"listen", address, "--timeout", "0"}), 4);
  EXPECT_EQ(status_of({"relay", address, target, "--once", "--timeout", "0"}), 4);
}

TEST_F(Tool, AListenerThatIsNotTrustedIsFive) {
  LocalListener listener = LocalListener::bind(address);
  // The user of daemons, and the system itself.
  const std::string other = platform.address_is_a_file ? "1" : "S-1-5-18";
  EXPECT_EQ(status_of({"connect", address, "--trust", other}), 5);
  EXPECT_EQ(status_of({"peer", address, "--trust", other}), 5);
  EXPECT_EQ(status_of({"peer", address, "--trust", "same-user"}), 0);
}

TEST_F(Tool, AnAddressInUseIsSix) {
  const LocalListener listener = LocalListener::bind(address);
  EXPECT_EQ(status_of({"listen", address}), 6);
  EXPECT_EQ(status_of({"relay", address, target}), 6);
}

// std::system, because a file is to be the input: what fits into a pipe would end before the connection does.
TEST_F(Tool, AConnectionThatBreaksIsOne) {
  const auto file = std::filesystem::temp_directory_path() / (address + ".bin");
  std::ofstream(file, std::ios::binary) << std::string(1_MiB, 'a');
  LocalListener listener = LocalListener::bind(address);
  int status = 0;
  std::thread tool([&] { status = std::system((TOOL " connect " + address + " < " + file.string()).c_str()); });
  LocalStream server = listener.accept();
  EXPECT_EQ(read_text(server, 1), "a");
  server.close();
  tool.join();
  std::filesystem::remove(file);
  // What Unix calls a status has the exit code in its second byte.
  EXPECT_THAT(status, AnyOf(1, 1 << 8));
}

// ---- probe and peer

TEST_F(Tool, SeesAListenerAndWhoItIs) {
  LocalListener listener = LocalListener::bind(address);
  EXPECT_EQ(output_of({"probe", address}), "listening");
  EXPECT_CODE(accept(listener, 0s).ec, std::errc::timed_out) << "it was no client";
  EXPECT_THAT(output_of({"peer", address}), StartsWith("pid "));
}

// ---- listen and connect

TEST_F(Tool, CarriesBytesAsTheyAreInBothDirectionsAtOnce) {
  const std::string there = text_of(some_bytes(4_MiB, 1));
  const std::string back = text_of(some_bytes(4_MiB, 2));
  ChildProcess listening = run({"listen", address});
  ChildProcess connecting = run({"connect", address, "--timeout", "20"});
  const auto feed = [](ChildProcess& tool, const std::string& text) {
    tool.write(text);
    tool.close_input();
  };
  std::thread client([&] { feed(connecting, there); });
  std::thread server([&] { feed(listening, back); });
  std::string received;
  std::thread reader([&] { received = listening.read_to_end(); });
  EXPECT_EQ(connecting.read_to_end(), back);
  for (std::thread* thread : {&client, &server, &reader}) thread->join();
  EXPECT_EQ(received, there);
  EXPECT_EQ(connecting.wait(), 0);
  EXPECT_EQ(listening.wait(), 0);
}

TEST_F(Tool, PassesTheEndOfItsInputOnAndGoesOnReading) {
  LocalListener listener = LocalListener::bind(address, {.windows = {.half_close = true}});
  ChildProcess tool = run({"connect", address});
  LocalStream server = listener.accept();
  tool.write("request");
  tool.close_input();
  EXPECT_EQ(text_until_end(server), "request");
  server.write_all("reply");
  server.close();
  EXPECT_EQ(tool.read_to_end(), "reply");
  EXPECT_EQ(tool.wait(), 0);
}

TEST_F(Tool, EndsWithItsInputWhereThatCannotBePassedOn) {
  LocalListener listener = LocalListener::bind(address);
  ChildProcess tool = run({"connect", address, "--close-at-end"});
  LocalStream server = listener.accept();
  tool.write("last words");
  tool.close_input();
  EXPECT_EQ(text_until_end(server), "last words");
  EXPECT_EQ(tool.wait(), 0);
}

TEST_F(Tool, EndsWhenItsPeerHasGoneThoughItsInputHasNot) {
  LocalListener listener = LocalListener::bind(address);
  ChildProcess tool = run({"connect", address});
  listener.accept().close();
  EXPECT_EQ(tool.read_to_end(), "");
  EXPECT_EQ(tool.wait(), 0);
}

TEST_F(Tool, ShowsProgressOnATerminalAlone) {
  if (!platform.address_is_a_file) GTEST_SKIP() << "there is no program that makes a terminal";
  if (shell("command -v script").second != 0) GTEST_SKIP() << "there is no script";
  LocalListener listener = LocalListener::bind(address);
  const auto printed = [&](const std::string& before, const std::string& after) {
    const std::string sending = "head -c 2097152 /dev/zero | " TOOL " connect " + address + " --progress";
    auto output = run_async([&] { return shell(before + sending + after).first; });
    LocalStream server = listener.accept(20s);
    EXPECT_EQ(text_until_end(server).size(), 2_MiB);
    server.close();
    return output.result();
  };
  EXPECT_THAT(printed("script -qec '", "' /dev/null"), HasSubstr("\r2.0 MiB there, 0.0 MiB back, "));
  EXPECT_EQ(printed("", ""), "");
}

// ---- relay

class Relay : public Tool {
 protected:
  /// A client and a server that are joined by the program.
  void start(const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"relay", address, target, "-v"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    tool.emplace(run(arguments));
    ASSERT_THAT(tool->read_line(), StartsWith("listening on "));
    join_another();
  }

  void join_another() {
    client = LocalStream::connect(address);
    server = listener.accept(20s);
  }

  LocalListener listener = LocalListener::bind(target, {.windows = {.half_close = true}});
  std::optional<ChildProcess> tool;
  LocalStream client;
  LocalStream server;
};

TEST_F(Relay, PassesOnTheEndOfEachDirection) {
  start({"--once"});
  client.write_all("request");
  client.shutdown(Shutdown::write);
  EXPECT_EQ(text_until_end(server), "request");
  server.write_all("reply");
  server.close();
  EXPECT_EQ(text_until_end(client), "reply");
  EXPECT_EQ(tool->wait(), 0);
}

TEST_F(Relay, ServesAnyNumberOfClientsAtOnce) {
  start({});
  LocalStream first_client = std::move(client);
  LocalStream first_server = std::move(server);
  join_another();
  expect_connected(client, server);
  expect_connected(first_client, first_server);
  server.close();
  EXPECT_EQ(text_until_end(client), "");
  expect_connected(first_client, first_server);
}

TEST_F(Relay, PrintsLinesOfBothDirections) {
  start({"--once", "--dump=lines"});
  client.write_all("hel");
  EXPECT_EQ(read_text(server, 3), "hel");
  client.write_all("lo\r\n\x01\\");
  EXPECT_EQ(read_text(server, 6), "lo\r\n\x01\\");
  EXPECT_EQ(tool->read_line(), R"(1> hello\r\n)");
  server.write_all("bye\n");
  EXPECT_EQ(tool->read_line(), R"(1< bye\n)");
  EXPECT_EQ(read_text(client, 4), "bye\n");
  client.close();
  EXPECT_EQ(tool->read_line(), R"(1> \x01\\)");
  EXPECT_EQ(tool->wait(), 0);
}

TEST_F(Relay, PrintsBytesInHex) {
  start({"--once", "--dump", "hex"});
  client.write_all("0123456789abcdef\n");
  EXPECT_EQ(tool->read_line(), "1> 00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|");
  EXPECT_EQ(tool->read_line(), "1> 00000010  0a" + std::string(48, ' ') + "|.|");
  client.write_all("\xff");
  EXPECT_THAT(tool->read_line(), StartsWith("1> 00000011  ff "));
  server.write_all("x");
  EXPECT_THAT(tool->read_line(), StartsWith("1< 00000000  78 "));
  EXPECT_EQ(read_text(client, 1), "x");
  client.close();
  EXPECT_EQ(tool->wait(), 0);
}

TEST_F(Relay, LeavesNoFileWhenItIsAskedToEnd) {
  if (!platform.address_is_a_file) GTEST_SKIP() << "a pipe goes with its process";
  start({});
  const std::string file = LocalAddress(address).native();
  EXPECT_TRUE(std::filesystem::exists(file));
  shell("kill -TERM " + std::to_string(tool->id()));
  EXPECT_EQ(tool->wait(), 128 + 15) << "it dies by the signal";
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(Relay, CarriesTheProtocolOfTheSshAgent) {
  if (!platform.address_is_a_file) GTEST_SKIP() << "agents listen at files";
  if (shell("command -v ssh-agent && command -v ssh-add").second != 0) GTEST_SKIP() << "there is no ssh";
  const std::string agent = LocalAddress(LocalAddress::unique().text()).native();
  const std::string relayed = LocalAddress(address).native();
  ChildProcess process = spawn_program({"/bin/sh", "-c", "exec ssh-agent -D -a " + agent});
  ASSERT_THAT(process.read_line(), HasSubstr("SSH_AUTH_SOCK="));
  ChildProcess relay = run({"relay", address, agent, "-v"});
  ASSERT_THAT(relay.read_line(), StartsWith("listening on "));
  const auto list = [](const std::string& socket) { return shell("SSH_AUTH_SOCK=" + socket + " ssh-add -l"); };
  EXPECT_EQ(list(agent), std::pair(std::string("The agent has no identities.\n"), 1));
  EXPECT_EQ(list(relayed), list(agent));
  process.kill();
  std::filesystem::remove(agent);
}

TEST_F(Tool, ItsWordsAreCompletedInBash) {
  if (!platform.address_is_a_file) GTEST_SKIP() << "there is no bash";
  if (shell("command -v bash").second != 0) GTEST_SKIP() << "there is no bash";
  const auto complete = [](const std::string& words, int current) {
    return shell("exec bash -c 'PATH=${0%/*}:$PATH; . " COMPLETION "; COMP_WORDS=(localsocket " + words +
                 "); COMP_CWORD=" + std::to_string(current) + "; _localsocket; echo ${COMPREPLY[@]}' " TOOL)
        .first;
  };
  EXPECT_EQ(complete("re", 1), "relay\n");
  EXPECT_EQ(complete("relay --du", 2), "--dump\n");
  EXPECT_EQ(complete("relay --dump \"\"", 3), "hex lines\n");
  EXPECT_EQ(complete("listen --access e", 3), "everyone\n");
}

}  // namespace
}  // namespace localsocket::test
