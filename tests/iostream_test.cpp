#include <localsocket/iostream.hpp>

#include <iomanip>
#include <istream>
#include <iterator>
#include <ostream>
#include <string>
#include <utility>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

class IostreamTest : public ::testing::Test {
 protected:
  Ends ends = connected_ends();
  LocalStream& raw = ends.client;
  LocalIostream io{std::move(ends.server)};

  std::string line() {
    std::string text;
    std::getline(io, text);
    return text;
  }
};

TEST_F(IostreamTest, ReadsLinesAndNumbers) {
  raw.write_all("first line\n12 0x1f word\nlast");
  raw.close();
  EXPECT_EQ(line(), "first line");
  int decimal = 0;
  int hex = 0;
  std::string word;
  io >> decimal >> std::hex >> hex >> word >> std::ws;
  EXPECT_EQ(decimal, 12);
  EXPECT_EQ(hex, 0x1f);
  EXPECT_EQ(word, "word");
  EXPECT_EQ(line(), "last");
  EXPECT_TRUE(io.eof());
  EXPECT_FALSE(io.bad());
  EXPECT_CODE(io.error(), success);
}

TEST_F(IostreamTest, WritesWhenFlushedAndNoSooner) {
  io << "n = " << 42 << ' ' << std::setw(4) << 7;
  std::array<std::byte, 1> byte;
  EXPECT_OUTCOME(read_some(raw, byte, 0s), 0, std::errc::timed_out);
  io << std::endl;
  EXPECT_EQ(read_text(raw, 12), "n = 42    7\n");
}

TEST_F(IostreamTest, FlushesBeforeItWaitsForTheAnswer) {
  auto answering = run_async([&] {
    const std::string question = read_text(raw, 9);
    raw.write_all("fine\n");
    return question;
  });
  io << "how are?\n";
  EXPECT_EQ(line(), "fine");
  EXPECT_EQ(answering.result(), "how are?\n");
}

TEST_F(IostreamTest, LargeTextsBothWays) {
  const std::string text(1_MiB, 'x');
  auto echoing = run_async([&] {
    Bytes bytes(text.size() + 5);
    raw.read_exact(bytes);
    raw.write_all(bytes);
    raw.close();
    return true;
  });
  io << "ab" << text << "cd\n" << std::flush;
  EXPECT_EQ(line(), "ab" + text + "cd");
  EXPECT_TRUE(echoing.result());
}

TEST_F(IostreamTest, ATimeoutIsBadbitWithTheErrorAndLosesNothing) {
  io.stream().set_read_timeout(0s);
  raw.write_all("12");
  std::string text;
  std::getline(io, text);
  EXPECT_TRUE(io.bad());
  EXPECT_FALSE(io.eof());
  EXPECT_EQ(text, "12");
  EXPECT_CODE(io.error(), std::errc::timed_out);
  io.clear();
  raw.write_all("34\n");
  EXPECT_EQ(line(), "34");
  EXPECT_TRUE(io.good());
  EXPECT_CODE(io.error(), success);
}

TEST_F(IostreamTest, AnExceptionIfTheyAreWanted) {
  io.stream().set_read_timeout(0s);
  io.exceptions(std::ios::badbit);
  EXPECT_THROWS_CODE(line(), std::errc::timed_out);
}

TEST_F(IostreamTest, AWriteThatTimesOutLosesNothing) {
  io.stream().set_write_timeout(0s);
  const std::string block(1000, 'b');
  std::size_t whole = 0;
  while (io << block) ++whole;
  EXPECT_TRUE(io.bad());
  EXPECT_CODE(io.error(), std::errc::timed_out);
  io.clear();
  io.stream().set_write_timeout(std::nullopt);
  auto reading = run_async([&] { return text_until_end(raw); });
  io << std::flush;
  io << "end";
  io.close();
  EXPECT_TRUE(io.good());
  const std::string text = reading.result();
  // The last block went in part, as far as std::ostream can say; those before are whole.
  EXPECT_GE(text.size(), whole * block.size() + 3);
  EXPECT_LT(text.size(), (whole + 1) * block.size() + 3);
  EXPECT_EQ(text, std::string(text.size() - 3, 'b') + "end");
}

TEST_F(IostreamTest, APeerThatIsGoneIsBadbit) {
  raw.close();
  io << "x" << std::flush;
  EXPECT_TRUE(io.bad());
  EXPECT_CODE(io.error(), std::errc::broken_pipe);
}

TEST_F(IostreamTest, TheDestructorSendsTheRest) {
  {
    const LocalIostream short_lived = [&] {
      LocalIostream made(std::move(io));
      made << "goodbye";
      return made;
    }();
  }
  EXPECT_EQ(text_until_end(raw), "goodbye");
}

TEST_F(IostreamTest, MovesWithItsBuffersAndState) {
  raw.write_all("one two three");
  std::string word;
  io >> word;
  io << "kept ";
  LocalIostream moved(std::move(io));
  moved >> word;
  EXPECT_EQ(word, "two");
  moved << "too";
  LocalIostream assigned;
  assigned = std::move(moved);
  raw.close();
  assigned >> word;
  EXPECT_EQ(word, "three");
  EXPECT_TRUE(assigned.eof());
  EXPECT_FALSE(moved << "x" << std::flush);
  EXPECT_CODE(moved.error(), Errc::closed);
}

TEST_F(IostreamTest, PutsBackAcrossReads) {
  LocalIostream small(std::move(io.stream()), 1);
  raw.write_all("abcd");
  EXPECT_EQ(small.get(), 'a');
  EXPECT_EQ(small.get(), 'b');
  small.unget();
  small.unget();
  EXPECT_EQ(small.get(), 'a');
  EXPECT_EQ(small.get(), 'b');
  EXPECT_EQ(small.get(), 'c');
  small << "xyz" << std::flush;
  EXPECT_EQ(read_text(raw, 3), "xyz");
}

TEST_F(IostreamTest, NotConnected) {
  LocalIostream none;
  EXPECT_FALSE(none << "x" << std::flush);
  EXPECT_CODE(none.error(), Errc::closed);
  none.clear();
  EXPECT_EQ(none.get(), std::char_traits<char>::eof());
  EXPECT_TRUE(none.bad());
  EXPECT_CODE(none.error(), Errc::closed);
}

class HalfIostreamTest : public ::testing::Test {
 protected:
  Ends ends = connected_ends();
  LocalStream& raw = ends.client;
  std::pair<LocalReader, LocalWriter> halves = std::move(ends.server).split();
  LocalIstream in{std::move(halves.first)};
  LocalOstream out{std::move(halves.second)};
};

TEST_F(HalfIostreamTest, OneThreadReadsWhileAnotherWrites) {
  auto reading = run_async([&] {
    std::string line;
    std::getline(in, line);
    return line;
  });
  reading.wait_until_blocked();
  out << "question " << 42 << std::endl;
  EXPECT_EQ(read_text(raw, 12), "question 42\n");
  raw.write_all("answer\n");
  EXPECT_EQ(reading.result(), "answer");
}

TEST_F(HalfIostreamTest, EachEndsItsDirectionAlone) {
  out << "what is buffered is sent";
  out.close();
  EXPECT_TRUE(out);
  EXPECT_EQ(read_text(raw, 24), "what is buffered is sent");
  raw.write_all("still here");
  raw.close();
  std::string word;
  in >> word >> word;
  EXPECT_EQ(word, "here");
  EXPECT_CODE(in.error(), success);
}

TEST_F(HalfIostreamTest, MovesAndHasTimeOuts) {
  LocalIstream moved(std::move(in));
  moved.reader().set_timeout(0s);
  EXPECT_EQ(moved.get(), EOF);
  EXPECT_CODE(moved.error(), std::errc::timed_out);
  LocalOstream other;
  other = std::move(out);
  other.writer().set_timeout(0s);
  other << "x" << std::flush;
  EXPECT_EQ(read_text(raw, 1), "x");
}

}  // namespace
}  // namespace localsocket::test
