// What a call reads into and writes from.
#include <localsocket/halves.hpp>
#include <localsocket/message_batch.hpp>

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

template <class T>
constexpr bool can_write = std::is_convertible_v<T, WriteBuffers>;
template <class T>
constexpr bool can_read = std::is_convertible_v<T, ReadBuffers>;
template <class Stream>
concept WritesAListOfTexts = requires(Stream stream) {
  stream.write_all({"a", "b"});
};

// What must not compile.
static_assert(!can_write<int> && !can_write<double> && !can_write<std::nullptr_t> && !can_write<const void*>);
static_assert(!can_write<std::vector<int>> && !can_write<std::array<std::string, 2>>);
static_assert(!WritesAListOfTexts<LocalStream> && !WritesAListOfTexts<LocalWriter>);
static_assert(!can_read<const Bytes&> && !can_read<const std::string&> && !can_read<std::string_view>);
static_assert(!can_read<const char*> && !can_read<const char (&)[4]> && !can_read<std::span<const std::byte>>);
static_assert(!can_read<int> && !can_read<std::vector<int>&> && !can_read<std::span<const std::span<const std::byte>>>);

template <class Byte>
std::vector<std::size_t> sizes_of(const detail::Buffers<Byte>& buffers) {
  std::vector<std::size_t> sizes;
  buffers.for_each([&](std::span<Byte> span) {
    sizes.push_back(span.size());
    return true;
  });
  return sizes;
}
std::vector<std::size_t> to_write(const WriteBuffers& buffers) { return sizes_of(buffers); }
std::vector<std::size_t> to_read(const ReadBuffers& buffers) { return sizes_of(buffers); }

using Sizes = std::vector<std::size_t>;

TEST(Buffers, AreMadeOfWhatACallerHasToWrite) {
  const Bytes vector(5);
  const std::array<unsigned char, 3> array{};
  const std::byte builtin[2]{};
  const int number = 7;
  EXPECT_EQ(to_write(vector), Sizes{5});
  EXPECT_EQ(to_write(std::span(vector).first(4)), Sizes{4});
  EXPECT_EQ(to_write(array), Sizes{3});
  EXPECT_EQ(to_write(builtin), Sizes{2});
  EXPECT_EQ(to_write(std::vector<char>(6)), Sizes{6});
  EXPECT_EQ(to_write(std::u8string(u8"ab")), Sizes{2});
  EXPECT_EQ(to_write({&number, sizeof number}), Sizes{sizeof number});
}

TEST(Buffers, OfTextEndAtItsNul) {
  const std::string string("with\0nul", 8);
  const char* const pointer = "pointer";
  char padded[16] = "array";
  const char full[3] = {'a', 'b', 'c'};
  EXPECT_EQ(to_write("literal"), Sizes{7});
  EXPECT_EQ(to_write(pointer), Sizes{7});
  EXPECT_EQ(to_write(padded), Sizes{5});
  EXPECT_EQ(to_write(full), Sizes{3});
  EXPECT_EQ(to_write(""), Sizes{0});
  EXPECT_EQ(to_write(string), Sizes{8}) << "a string knows its size";
  EXPECT_EQ(to_write(std::string_view(string)), Sizes{8});
}

TEST(Buffers, AreMadeOfWhatACallerHasToReadInto) {
  Bytes vector(5);
  std::string string(6, ' ');
  std::array<char, 3> array{};
  char builtin[80] = "";
  int number = 0;
  EXPECT_EQ(to_read(vector), Sizes{5});
  EXPECT_EQ(to_read(std::span(vector).last(2)), Sizes{2});
  EXPECT_EQ(to_read(string), Sizes{6});
  EXPECT_EQ(to_read(array), Sizes{3});
  EXPECT_EQ(to_read(builtin), Sizes{80}) << "an array is its whole size";
  EXPECT_EQ(to_read({&number, sizeof number}), Sizes{sizeof number});
}

TEST(Buffers, AreListsOfSpans) {
  Bytes head(2);
  Bytes body(3);
  const std::span<const std::byte> builtin[] = {head, body};
  const std::array<std::span<const std::byte>, 2> array{head, body};
  const std::vector<std::span<const std::byte>> vector{head, {}, body};
  EXPECT_EQ(to_write(builtin), (Sizes{2, 3}));
  EXPECT_EQ(to_write(array), (Sizes{2, 3}));
  EXPECT_EQ(to_write(vector), (Sizes{2, 0, 3}));
  EXPECT_EQ(to_write(std::span<const std::span<const std::byte>>(array)), (Sizes{2, 3}));
  std::span<std::byte> parts[] = {head, body};
  EXPECT_EQ(to_read(parts), (Sizes{2, 3}));
  EXPECT_EQ(ReadBuffers(parts).total_size(), 5U);
}

/// Each verb of an end, in each of its forms, gets a list and gives what another end has to say.
TEST(Buffers, AreTakenByEachVerb) {
  auto [one, other] = LocalStream::pair();
  auto [reader, writer] = std::move(other).split();
  const std::array<std::span<const std::byte>, 2> out{bytes_of("ab"), bytes_of("cd")};
  char first[1];
  char rest[3];
  std::span<std::byte> in[] = {std::as_writable_bytes(std::span(first)), std::as_writable_bytes(std::span(rest))};
  std::error_code ec;
  one.write_all(out);
  EXPECT_EQ(reader.read_exact(in), 4U);
  one.write_some(out, ec);
  EXPECT_EQ(reader.read_exact(in, soon(), ec), 4U);
  writer.write_all(out, ec);
  EXPECT_EQ(one.read_exact(in, ec), 4U);
  writer.write_some(out, soon(), ec);
  EXPECT_EQ(one.read_exact(in), 4U);
  one.write_all("x", soon());
  EXPECT_EQ(reader.read_some(first, ec), 1U);
  EXPECT_EQ(std::string(first, 1) + std::string(rest, 3), "xbcd");
}

TEST(Buffers, MakeOneMessage) {
  auto [one, other] = LocalStream::pair();
  MessageStream from(std::move(one));
  MessageStream to(std::move(other));
  MessageBatch batch(from);
  const std::array<std::span<const std::byte>, 2> parts{bytes_of("split "), bytes_of("message")};
  from.send(parts);
  batch.add(parts);
  batch.add("text");
  batch.flush();
  Bytes head(3);
  Bytes body(20);
  std::span<std::byte> into[] = {head, body};
  EXPECT_EQ(to.receive(into), 13U);
  EXPECT_EQ(text_of(head) + text_of(first_of(body, 10)), "split message");
  char fixed[13];
  EXPECT_EQ(to.receive(fixed), 13U);
  EXPECT_EQ(text_of(*to.receive()), "text");
}

}  // namespace
}  // namespace localsocket::test
