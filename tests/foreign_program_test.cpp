// Messages to and from programs of others, where they are installed (docs/design.md 11).
#include <array>
#include <cstdlib>
#include <string>

#include "support/listening.hpp"
#include "support/process.hpp"
#include "support/programs.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using ::testing::StartsWith;

constexpr MessageOptions lines{.framing = Framing::lines};
constexpr std::chrono::minutes patience{1};

/// The next line, of JSON, which begins so.
void expect_line(MessageStream& from, std::string_view beginning) {
  std::string line;
  ASSERT_TRUE(from.receive(line, patience));
  EXPECT_THAT(line, StartsWith(std::string(beginning)));
  EXPECT_EQ(line.back(), '}');  // the line ends with \r\n
}

// The control socket of QEMU.
TEST(ForeignProgram, QemuIsControlledByLines) {
  SKIP_WITHOUT_PROGRAM("qemu-storage-daemon");
  const std::string path = LocalAddress::unique().native();
  ChildProcess qemu = spawn_program({installed_program("qemu-storage-daemon"), "--chardev",
                                     "socket,id=c,server=on,wait=off,path=" + path, "--monitor", "chardev=c"});
  MessageStream control(LocalStream::connect(LocalAddress::path(path), patience), lines);
  expect_line(control, R"({"QMP": )");
  control.send(R"({"execute": "qmp_capabilities"})");
  expect_line(control, R"({"return": {})");
  control.send(R"({"execute": "query-commands"})");
  expect_line(control, R"({"return": [{"name": )");
  control.send(R"({"execute": "nonsense"})");
  expect_line(control, R"({"error": )");
  control.send(R"({"execute": "quit"})");
  expect_line(control, R"({"return": {})");
  EXPECT_EQ(qemu.wait(), 0);
}

/// Node, with a program that answers each line in capitals.
class Node : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_PROGRAM("node");
    static std::array<char, 32> variable{"NODE_SKIP_PLATFORM_CHECK=1"};  // it takes Wine for an old Windows
    ASSERT_EQ(::putenv(variable.data()), 0);
  }

  static ChildProcess run(const std::string& code, const LocalAddress& address) {
    const std::string serve =
        "const serve = c => require('readline').createInterface({input: c})"
        ".on('line', l => c.write(l.toUpperCase() + '\\r\\n')).on('close', () => c.end());";
    return spawn_program({installed_program("node"), "-e", serve + code, address.native()});
  }

  static void expect_answers(MessageStream& messages) {
    const std::string longer(100'000, 'x');
    for (const std::string& line : {std::string("one"), std::string(), longer}) {
      messages.send(line, patience);
    }
    for (const std::string& line : {std::string("ONE"), std::string(), std::string(100'000, 'X')}) {
      std::string answer;
      ASSERT_TRUE(messages.receive(answer, patience));
      EXPECT_TRUE(answer == line);
    }
  }
};

TEST_F(Node, AnswersLinesAsAClient) {
  LocalListener listener = listening();
  ChildProcess node = run("serve(require('net').connect(process.argv[1]))", listener.local_address());
  MessageStream messages(listener.accept(patience), lines);
  expect_answers(messages);
}

TEST_F(Node, AnswersLinesAsAServer) {
  const LocalAddress address = LocalAddress::unique();
  ChildProcess node = run("require('net').createServer(serve).listen(process.argv[1])", address);
  MessageStream messages(LocalStream::connect(LocalAddress::path(address.native()), patience), lines);
  expect_answers(messages);
}

}  // namespace
}  // namespace localsocket::test
