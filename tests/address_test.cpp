// LocalAddress: what is an address, what is none, and what the system is given for it (DESIGN 3.1).
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// What the system is given for a name. The part before it is exact in unix/runtime_directory_test and
/// windows/address_test.
std::string native_name(std::string_view name) {
  std::string native = LocalAddress::named("x").native();
  native.resize(native.size() - 1 - platform.named_suffix.size());
  return native.append(name).append(platform.named_suffix);
}

std::string native_path(std::string_view file) { return std::string(platform.path_prefix).append(file); }

TEST(Address, ATextWithoutSlashIsAName) {
  const LocalAddress address("echo.example");
  EXPECT_EQ(address.text(), "echo.example");
  EXPECT_EQ(address.native(), native_name("echo.example"));
  EXPECT_EQ(address, LocalAddress::named("echo.example"));
  EXPECT_FALSE(address.is_unnamed());
}

TEST(Address, ATextWithASlashIsAPathUsedAsItIs) {
  const std::string path = native_path("some-file");
  const LocalAddress address(path);
  EXPECT_EQ(address.text(), path);
  EXPECT_EQ(address.native(), path);
  EXPECT_EQ(address, LocalAddress::path(path));
}

TEST(Address, AnythingThatConvertsToAStringViewIsAText) {
  const char array[] = "echo";
  const char* const pointer = array;
  const LocalAddress expected = LocalAddress::named("echo");
  EXPECT_EQ(LocalAddress(array), expected);
  EXPECT_EQ(LocalAddress(pointer), expected);
  EXPECT_EQ(LocalAddress("echo"s), expected);
  EXPECT_EQ(LocalAddress("echo"sv), expected);
  const auto implicit = [](const LocalAddress& address) { return address; };
  EXPECT_EQ(implicit("echo"), expected);
}

TEST(Address, ANameMayHaveEveryKindOfByteThatThePromiseLists) {
  const std::string_view names[] = {"a",  "Z",      "0",   "_",   "_x",        "a.b-c", "a..", "9-_.azAZ",
                                    "a-", "A.sock", "CON", "nul", "localhost", "a--",   "x_y"};
  for (std::string_view name : names) {
    std::error_code ec = std::make_error_code(std::errc::io_error);
    const LocalAddress address = LocalAddress::parse(name, ec);
    EXPECT_CODE(ec, success);
    EXPECT_EQ(address.text(), name);
    EXPECT_EQ(address.native(), native_name(name));
  }
}

// A test for each text that is no address, in each of the ways to make one.
struct Wrong {
  const char* why;
  std::string text;
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.why; }

const std::vector<Wrong> no_address_at_all = {
    {"Empty", ""},
    {"OnlyANul", "\0"s},
    {"NulInside", "echo\0example"s},
    {"NulAtTheEnd", "echo\0"s},
    {"NulInAPath", "/run/echo\0.sock"s},
    {"NulInAPipePath", "\\\\.\\pipe\\ec\0ho"s},
};

const std::vector<Wrong> no_name = {
    {"LeadingDot", ".echo"},
    {"OnlyADot", "."},
    {"TwoDots", ".."},
    {"LeadingDash", "-echo"},
    {"Space", "echo example"},
    {"LeadingSpace", " echo"},
    {"TrailingSpace", "echo "},
    {"NewLine", "echo\n"},
    {"Tab", "echo\texample"},
    {"Delete", "echo\x7f"},
    {"Utf8Letter", "gr\xc3\xbc\xc3\x9f"},
    {"InvalidUtf8", "echo\xff"},
    {"Colon", "echo:1"},
    {"Asterisk", "echo*"},
    {"QuestionMark", "echo?"},
    {"Tilde", "~echo"},
    {"AtInside", "echo@example"},
};

class NoAddress : public ::testing::TestWithParam<Wrong> {};
class NoName : public ::testing::TestWithParam<Wrong> {};

constexpr auto why = [](const auto& info) { return std::string(info.param.why); };
INSTANTIATE_TEST_SUITE_P(Address, NoAddress, ::testing::ValuesIn(no_address_at_all), why);
INSTANTIATE_TEST_SUITE_P(Address, NoName, ::testing::ValuesIn(no_name), why);

void expect_invalid(std::string_view text, LocalAddress (*make)(std::string_view, std::error_code&)) {
  std::error_code ec;
  EXPECT_TRUE(make(text, ec).is_unnamed());
  EXPECT_CODE(ec, Errc::invalid_address);
}

void expect_throws_invalid(std::string_view text, LocalAddress (*make)(std::string_view)) {
  EXPECT_THROWS_CODE(make(text), Errc::invalid_address);
}

LocalAddress from_text(std::string_view text) { return text; }

TEST_P(NoAddress, IsRefusedInEveryForm) {
  expect_invalid(GetParam().text, &LocalAddress::parse);
  expect_invalid(GetParam().text, &LocalAddress::named);
  expect_invalid(GetParam().text, &LocalAddress::path);
  expect_throws_invalid(GetParam().text, &from_text);
  expect_throws_invalid(GetParam().text, &LocalAddress::named);
  expect_throws_invalid(GetParam().text, &LocalAddress::path);
}

TEST_P(NoName, IsRefusedAsANameAndAsAText) {
  expect_invalid(GetParam().text, &LocalAddress::named);
  expect_invalid(GetParam().text, &LocalAddress::parse);
  expect_throws_invalid(GetParam().text, &LocalAddress::named);
  expect_throws_invalid(GetParam().text, &from_text);
}

TEST(Address, ANameHasNoSlashAndNoAt) {
  for (std::string_view text : {"a/b", "/a", "a\\b", "\\\\.\\pipe\\a", "@a"})
    expect_invalid(text, &LocalAddress::named);
}

TEST(Address, APrefixOfAUniqueNameMustBeANameToo) {
  expect_invalid("", &LocalAddress::unique);
  expect_invalid("-x", &LocalAddress::unique);
  expect_invalid("a/b", &LocalAddress::unique);
  expect_throws_invalid("a b", &LocalAddress::unique);
}

TEST(Address, ThePathOfAnotherPlatformIsAPathOnlyIfItIsOneHereToo) {
  std::error_code ec;
  const LocalAddress address = LocalAddress::parse(platform.foreign_path, ec);
  if (platform.foreign_path_is_valid) {
    EXPECT_CODE(ec, success);
    EXPECT_TRUE(address.native().ends_with(platform.foreign_path)) << address.native();
  } else {
    expect_invalid(platform.foreign_path, &LocalAddress::parse);
    expect_invalid(platform.foreign_path, &LocalAddress::path);
    expect_throws_invalid(platform.foreign_path, &LocalAddress::path);
  }
}

TEST(Address, AnAbstractNameIsOneOnLinuxAndInvalidElsewhere) {
  std::error_code ec;
  const LocalAddress address = LocalAddress::parse("@echo", ec);
  if (platform.has_abstract_names) {
    EXPECT_CODE(ec, success);
    EXPECT_EQ(address.native(), "\0echo"sv);
    EXPECT_EQ(address.text(), "@echo");
  } else {
    EXPECT_CODE(ec, Errc::invalid_address);
    EXPECT_TRUE(address.is_unnamed());
  }
  expect_invalid("@", &LocalAddress::parse);
  expect_invalid("@ec\0ho"sv, &LocalAddress::parse);
}

TEST(Address, ANameIsTakenAsLongAsTheSystemHasRoomAndNeverCutShort) {
  for (std::size_t length = 1; length <= 300; ++length) {
    const std::string name(length, 'n');
    const bool fits = length <= 100 && native_name(name).size() <= platform.longest_path;
    std::error_code ec;
    const LocalAddress address = LocalAddress::named(name, ec);
    SCOPED_TRACE(length);
    if (fits) {
      EXPECT_CODE(ec, success);
      EXPECT_EQ(address.native(), native_name(name));
    } else {
      EXPECT_CODE(ec, std::errc::filename_too_long);
      EXPECT_TRUE(address.is_unnamed());
    }
  }
}

TEST(Address, APathIsTakenAsLongAsTheSystemHasRoomAndNeverCutShort) {
  for (std::size_t length = platform.longest_path - 5; length <= platform.longest_path + 5; ++length) {
    std::string path = native_path("p");
    path.resize(length, 'p');
    SCOPED_TRACE(length);
    std::error_code ec;
    const LocalAddress address = LocalAddress::path(path, ec);
    if (length <= platform.longest_path) {
      EXPECT_CODE(ec, success);
      EXPECT_EQ(address.native(), path);
    } else {
      EXPECT_CODE(ec, std::errc::filename_too_long);
      EXPECT_TRUE(address.is_unnamed());
      EXPECT_THROWS_CODE(LocalAddress::path(path), std::errc::filename_too_long);
      EXPECT_THROWS_CODE(LocalAddress{path}, std::errc::filename_too_long);
    }
  }
}

TEST(Address, AHugeTextIsRefusedWithoutMuchAdo) {
  std::error_code ec;
  LocalAddress::parse(std::string(10'000'000, 'x'), ec);
  EXPECT_CODE(ec, std::errc::filename_too_long);
  LocalAddress::parse(native_path(std::string(10'000'000, 'x')), ec);
  EXPECT_CODE(ec, std::errc::filename_too_long);
}

TEST(Address, ParseClearsTheErrorOfTheCallBefore) {
  std::error_code ec;
  LocalAddress::parse("", ec);
  ASSERT_TRUE(ec);
  LocalAddress::parse("echo", ec);
  EXPECT_FALSE(ec);
}

TEST(Address, TheThrownErrorQuotesTheTextAndAgreesWithTheErrorCode) {
  std::error_code ec;
  LocalAddress::parse("bad name", ec);
  try {
    LocalAddress address("bad name");
    FAIL() << address;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), ec);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("\"bad name\""));
  }
}

TEST(Address, UniqueAddressesDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(LocalAddress::unique().native());
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Address, AUniqueAddressIsANameWithItsPrefixAnd128RandomBits) {
  const std::string text = LocalAddress::unique("my.app").text();
  ASSERT_TRUE(text.starts_with("my.app-")) << text;
  const std::string random = text.substr("my.app-"s.size());
  EXPECT_GE(random.size(), 22U) << "base 64 needs 22 characters for 128 bits";
  EXPECT_EQ(LocalAddress::named(text).native(), native_name(text));
  EXPECT_TRUE(LocalAddress::unique().text().starts_with("localsocket-"));
}

TEST(Address, EqualAddressesAreThoseOfTheSameNativeBytes) {
  const LocalAddress by_name("echo");
  const LocalAddress by_path(native_name("echo"));
  EXPECT_EQ(by_name, by_path) << "two texts for one place";
  EXPECT_NE(by_name.text(), by_path.text());
  EXPECT_NE(by_name, LocalAddress("echo2"));
  EXPECT_NE(by_name, LocalAddress());
  EXPECT_EQ(LocalAddress(), LocalAddress());
}

TEST(Address, HashAgreesWithEqualitySoAddressesCanBeKeys) {
  std::unordered_set<LocalAddress> set;
  set.insert("echo");
  set.insert(LocalAddress(native_name("echo")));
  set.insert("echo2");
  set.insert(LocalAddress());
  EXPECT_EQ(set.size(), 3U);
  EXPECT_TRUE(set.contains("echo"));
  EXPECT_FALSE(set.contains("echo3"));
}

TEST(Address, PrintsItsText) {
  std::ostringstream out;
  out << LocalAddress("echo.example");
  EXPECT_EQ(out.str(), "echo.example");
}

TEST(Address, TheUnnamedAddressIsEmptyAndPrintsAsSomething) {
  const LocalAddress unnamed;
  EXPECT_TRUE(unnamed.is_unnamed());
  EXPECT_EQ(unnamed.text(), "");
  EXPECT_EQ(unnamed.native(), "");
  std::ostringstream out;
  out << unnamed;
  EXPECT_TRUE(out.good());
}

TEST(Address, CopiesAreEqualAndAMovedFromAddressIsUnnamed) {
  LocalAddress original("echo");
  const LocalAddress copy = original;
  const LocalAddress moved = std::move(original);
  EXPECT_EQ(copy, moved);
  EXPECT_TRUE(original.is_unnamed());  // NOLINT(bugprone-use-after-move): that is the point
  EXPECT_EQ(original.text(), "");
}

}  // namespace
}  // namespace localsocket::test
