// LocalAddress: what is an address, what is none, and what the system is given for it (docs/design.md, 2).
#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/differences.hpp"
#include "support/listening.hpp"
#include "support/test.hpp"

namespace localsocket::test {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// What the system is given for a name. The part before it is exact in unix/runtime_directory_test and
/// windows/address_test.
std::string native_name(std::string_view name) {
  const std::string x = LocalAddress::named("x").native();
  const std::string y = LocalAddress::named("y").native();
  const auto differs = static_cast<std::size_t>(std::mismatch(x.begin(), x.end(), y.begin()).first - x.begin());
  return x.substr(0, differs).append(name).append(x.substr(differs + 1));
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

/// That it is an address which carries that error, and that who is given it says so.
void expect_carries(const LocalAddress& address, std::string_view text, const std::error_condition& condition) {
  EXPECT_CODE(address.error(), condition);
  EXPECT_TRUE(address.is_unnamed());
  EXPECT_EQ(address.text(), text);
  EXPECT_EQ(address.native(), "");
  EXPECT_CODE(bind_outcome(address), condition);
  EXPECT_CODE(connect(address, 1h).ec, condition);
  std::error_code ec;
  EXPECT_FALSE(ChildOutput::connect(address, 1h, {}, ec).is_open());
  EXPECT_CODE(ec, condition);
  EXPECT_THROWS_CODE(LocalListener::bind(address), condition);
  EXPECT_THROWS_CODE(LocalStream::connect(address), condition);
  EXPECT_THROWS_CODE(ChildOutput::connect(address), condition);
}

TEST_P(NoAddress, IsRefusedInEveryForm) {
  expect_invalid(GetParam().text, &LocalAddress::parse);
  expect_invalid(GetParam().text, &LocalAddress::named);
  expect_invalid(GetParam().text, &LocalAddress::path);
  expect_carries(GetParam().text, GetParam().text, Errc::invalid_address);
  expect_carries(LocalAddress::named(GetParam().text), GetParam().text, Errc::invalid_address);
  expect_carries(LocalAddress::path(GetParam().text), GetParam().text, Errc::invalid_address);
}

TEST_P(NoName, IsRefusedAsANameAndAsAText) {
  expect_invalid(GetParam().text, &LocalAddress::named);
  expect_invalid(GetParam().text, &LocalAddress::parse);
  expect_carries(LocalAddress::named(GetParam().text), GetParam().text, Errc::invalid_address);
  expect_carries(GetParam().text, GetParam().text, Errc::invalid_address);
}

TEST(Address, ANameHasNoSlashAndNoAt) {
  for (std::string_view text : {"a/b", "/a", "a\\b", "\\\\.\\pipe\\a", "@a"})
    expect_invalid(text, &LocalAddress::named);
}

TEST(Address, APrefixOfAUniqueNameMustBeANameToo) {
  expect_invalid("", &LocalAddress::unique);
  expect_invalid("-x", &LocalAddress::unique);
  expect_invalid("a/b", &LocalAddress::unique);
  EXPECT_CODE(LocalAddress::unique("a b").error(), Errc::invalid_address);
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
    expect_carries(LocalAddress::path(platform.foreign_path), platform.foreign_path, Errc::invalid_address);
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
    const bool fits = length <= 100;
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
      expect_carries(LocalAddress::path(path), path, std::errc::filename_too_long);
      expect_carries(path, path, std::errc::filename_too_long);
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

TEST(Address, TheErrorThatACallThrowsQuotesTheTextAndAgreesWithTheErrorCode) {
  const LocalAddress address("bad name");
  try {
    LocalListener::bind(address);
    FAIL() << address;
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), address.error());
    EXPECT_THAT(error.what(), ::testing::HasSubstr("\"bad name\""));
  }
}

TEST(Address, OfAnAdoptedListenerIsLookedAtBeforeTheHandle) {
  std::error_code ec;
  LocalListener::adopt(invalid_handle, "bad name", ec);
  EXPECT_CODE(ec, Errc::invalid_address);
}

TEST(Address, WithoutAnErrorSaysSo) {
  EXPECT_CODE(LocalAddress("echo").error(), success);
  EXPECT_CODE(LocalAddress().error(), Errc::invalid_address);
}

TEST(Address, OfTheMachineIsANameOfItsOwn) {
  const LocalAddress address("machine:echo");
  EXPECT_EQ(address, LocalAddress::named("echo", Scope::machine));
  EXPECT_EQ(address.text(), "machine:echo");
  EXPECT_EQ(LocalAddress::named("echo", Scope::machine).text(), "machine:echo") << "a text that means the same";
  EXPECT_NE(address, LocalAddress("echo"));
  EXPECT_EQ(address.native(), std::string(platform.machine_prefix).append("echo").append(platform.machine_suffix));
  EXPECT_EQ(LocalAddress::named("echo", Scope::user), LocalAddress("echo"));
}

TEST(Address, OfTheMachineHasAValidName) {
  for (const char* text : {"machine:", "machine:.x", "machine:a b", "machine:@x", "machine:machine:x", "user:x"}) {
    expect_invalid(text, &LocalAddress::parse);
  }
  EXPECT_CODE(LocalAddress("machine:" + std::string(100, 'x')).error(), success);
  EXPECT_CODE(LocalAddress("machine:" + std::string(101, 'x')).error(), std::errc::filename_too_long);
}

TEST(Address, OfAFileSystemPathIsAPathWhateverItLooksLike) {
  const std::string path = native_path("gr\xc3\xbc\xc3\x9f");
  const std::filesystem::path as_path(std::u8string(path.begin(), path.end()));
  EXPECT_EQ(LocalAddress(as_path), LocalAddress::path(path));
  EXPECT_EQ(LocalAddress(as_path).text(), path);
  for (const char* text : {"echo", "machine:echo", "@echo"}) {
    EXPECT_EQ(LocalAddress(std::filesystem::path(text)), LocalAddress::path(text));
    EXPECT_EQ(LocalAddress(std::filesystem::path(text)).error(), LocalAddress::path(text).error());
  }
  const auto implicit = [](const LocalAddress& address) { return address; };
  EXPECT_EQ(implicit(as_path), LocalAddress::path(path));
}

TEST(Address, OfAUserOf100BytesIsBoundAndServed) {
  LocalListener listener = LocalListener::bind(LocalAddress::unique(std::string(67, 'n')));
  ASSERT_EQ(listener.local_address().text().size(), 100U);
  expect_serving(listener);
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
  EXPECT_TRUE(original.is_unnamed());  // that is the point
  EXPECT_EQ(original.text(), "");
}

}  // namespace
}  // namespace localsocket::test
