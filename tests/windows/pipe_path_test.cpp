// Addresses on Windows: the exact names of the promise, and the paths that are none.
#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"
#include "windows/security.hpp"

namespace localsocket::test {
namespace {

TEST(PipePath, OfAUsersNameEndsInTheUsersSid) {
  EXPECT_EQ(LocalAddress("echo.example").native(), R"(\\.\pipe\echo.example.)" + current_user());
  EXPECT_EQ(LocalAddress::named("a"), LocalAddress::path(R"(\\.\pipe\a.)" + current_user()));
}

TEST(PipePath, OfAMachinesNameIsTheNameAfterTheLocalPrefix) {
  EXPECT_EQ(LocalAddress("machine:echo.example").native(), R"(\\.\pipe\echo.example)");
  EXPECT_EQ(LocalAddress::named("echo", Scope::machine), LocalAddress::path(R"(\\.\pipe\echo)"));
}

TEST(PipePath, MayHaveAHostUtf8SpacesAndAnyCase) {
  for (const char* path :
       {R"(\\.\pipe\x)", R"(\\server\pipe\x)", R"(\\.\PIPE\x)", R"(\\.\pipe\a b)", "\\\\.\\pipe\\gr\xc3\xbc\xc3\x9f"}) {
    std::error_code ec;
    const LocalAddress address = LocalAddress::parse(path, ec);
    EXPECT_CODE(ec, success);
    EXPECT_EQ(address.native(), path);
    EXPECT_EQ(address.text(), path);
  }
}

TEST(PipePath, OfAnyOtherFormIsRefused) {
  for (const char* path : {R"(\)", R"(\\)", R"(\\.)", R"(\\.\)", R"(\\.\pipe)", R"(\\.\pipe\)", R"(\\\pipe\x)",
                           R"(\.\pipe\x)", R"(\\.\mailslot\x)", R"(\\.\pipes\x)", R"(\\.\x)", R"(C:\x)", R"(C:\pipe\x)",
                           R"(pipe\x)", R"(\pipe\x)", "//./pipe/x", "/run/echo.sock", "a/b", R"(\\?\C:\x)"}) {
    SCOPED_TRACE(path);
    EXPECT_CODE(LocalAddress{path}.error(), Errc::invalid_address);
    EXPECT_CODE(LocalAddress::path(path).error(), Errc::invalid_address);
  }
  EXPECT_CODE(LocalAddress("\\\\.\\pipe\\not-utf8-\xff").error(), Errc::invalid_address);
  EXPECT_CODE(LocalAddress::path("echo").error(), Errc::invalid_address);
}

TEST(PipePath, OfAnotherHostCanOnlyBeConnectedTo) {
  EXPECT_CODE(bind_outcome(R"(\\server\pipe\x)"), Errc::invalid_address);
}

TEST(PipePath, InUtf8IsWhatOtherProgramsCallItInUtf16) {
  const std::string name = "\\\\.\\pipe\\gr\xc3\xbc\xc3\x9f-" + LocalAddress::unique().text();
  LocalListener listener = LocalListener::bind(name);
  std::wstring in_utf16 = L"\\\\.\\pipe\\gr\u00fc\u00df-";
  for (const char c : name.substr(name.find("-") + 1)) in_utf16 += static_cast<wchar_t>(c);
  const RawPipe client(
      CreateFileW(in_utf16.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0, nullptr));
  LocalStream server = listener.accept(soon());
  client.write("hello");
  EXPECT_EQ(read_text(server, 5), "hello");
}

}  // namespace
}  // namespace localsocket::test
