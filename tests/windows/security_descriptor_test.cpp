// The text of a pipe's security descriptor, for everything that it depends on; and the pipes that clients trust.
#include "windows/security_descriptor.hpp"

#include <windows.h>

#include <string>

#include "support/listening.hpp"
#include "support/test.hpp"
#include "windows/raw_pipe.hpp"
#include "windows/security.hpp"

namespace localsocket::test {
namespace {

using detail::windows_backend::descriptor_text;
using detail::windows_backend::DescriptorInputs;

constexpr std::uint32_t low = 0x1000;
constexpr std::uint32_t medium = 0x2000;
constexpr std::uint32_t high = 0x3000;
constexpr std::uint32_t system_level = 0x4000;

TEST(SecurityDescriptor, IsThisText) {
  struct Row {
    DescriptorInputs inputs;
    const char* text;
  };
  constexpr Access user = Access::current_user;
  constexpr Access any = Access::current_user_any_privilege;
  constexpr Access all = Access::everyone;
  const Row rows[] = {
      {{user, "", "S-1-5-21-7", medium, false},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)S:(ML;;NW;;;S-1-16-8192)"},
      {{user, "", "S-1-5-21-7", low, false}, "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)S:(ML;;NW;;;S-1-16-4096)"},
      {{user, "", "S-1-5-21-7", high, true},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)S:(ML;;NW;;;S-1-16-12288)"},
      {{any, "", "S-1-5-21-7", medium, false},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)S:(ML;;NW;;;S-1-16-8192)"},
      {{any, "", "S-1-5-21-7", high, true},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x12019b;;;S-1-5-21-7)(A;;RC;;;OW)S:(ML;;NW;;;S-1-16-8192)"},
      {{any, "", "S-1-5-20", system_level, false},
       "O:S-1-5-20D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-20)S:(ML;;NW;;;S-1-16-8192)"},
      {{all, "", "S-1-5-21-7", high, true},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)(A;;0x12019b;;;WD)S:(ML;;NW;;;S-1-16-8192)"},
      {{all, "", "S-1-5-21-7", low, false},
       "O:S-1-5-21-7D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-21-7)(A;;0x12019b;;;WD)S:(ML;;NW;;;S-1-16-4096)"},
      {{user, "S-1-5-32-545", "S-1-5-18", system_level, true},
       "O:S-1-5-18D:P(A;;FA;;;SY)(A;;FA;;;S-1-5-18)(A;;0x12019b;;;S-1-5-32-545)S:(ML;;NW;;;S-1-16-8192)"},
  };
  for (const Row& row : rows) EXPECT_EQ(descriptor_text(row.inputs), row.text);
}

TEST(SecurityDescriptor, IsOneThatTheSystemTakes) {
  for (const Access access : {Access::current_user, Access::current_user_any_privilege, Access::everyone}) {
    for (const std::uint32_t level : {low, medium, high, system_level}) {
      const std::string text = descriptor_text({access, "S-1-5-32-545", "S-1-5-21-1-2-3-1000", level, true});
      void* descriptor = nullptr;
      EXPECT_TRUE(
          ConvertStringSecurityDescriptorToSecurityDescriptorA(text.c_str(), SDDL_REVISION_1, &descriptor, nullptr))
          << text;
      LocalFree(descriptor);
    }
  }
}

TEST(PipeSecurity, LetsAGroupConnectAndNotServe) {
  constexpr const char* users = "S-1-5-32-545";
  for (const char* group : {users, "Users"}) {
    const LocalListener listener = LocalListener::bind(open_address(), {.group = group});
    const Security security(listener.native_handle());
    EXPECT_EQ(security.access_of(users), ACCESS_MASK{0x12019b});
    EXPECT_EQ(security.access_of(users) & FILE_CREATE_PIPE_INSTANCE, 0U);
  }
}

/// A foreign server with a security descriptor of its own, and what a client makes of it.
class GuardedServer : public ::testing::Test {
 protected:
  void serve(const std::string& sddl) {
    SECURITY_ATTRIBUTES attributes{sizeof attributes, nullptr, FALSE};
    SECURITY_DESCRIPTOR open{};
    void* descriptor = nullptr;
    if (sddl.empty()) {
      ASSERT_TRUE(InitializeSecurityDescriptor(&open, SECURITY_DESCRIPTOR_REVISION));
      ASSERT_TRUE(SetSecurityDescriptorDacl(&open, TRUE, nullptr, FALSE));
      attributes.lpSecurityDescriptor = &open;
    } else {
      ASSERT_TRUE(
          ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl.c_str(), SDDL_REVISION_1, &descriptor, nullptr));
      attributes.lpSecurityDescriptor = descriptor;
    }
    server_ = RawPipe(CreateNamedPipeW(wide(address.native()).c_str(), PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 4096,
                                       4096, 0, &attributes));
    LocalFree(descriptor);
  }

  /// What the client's text is to the server, who has waited for nobody.
  std::string received() {
    ConnectNamedPipe(server_.get(), nullptr);
    return server_.read_until_end();
  }

  static std::string with_user(std::string sddl) {
    while (sddl.find('@') != std::string::npos) sddl.replace(sddl.find('@'), 1, current_user());
    return sddl;
  }

  void expect(const std::string& sddl, const Trust& trust, const std::error_condition& condition) {
    SCOPED_TRACE(sddl);
    serve(with_user(sddl));
    {
      Arrival client = connect(address, 0s, {.trust = trust});
      EXPECT_CODE(client.ec, condition);
      if (!client.ec) client.stream.write_all("text");
    }
    EXPECT_EQ(received(), condition == success ? "text" : "");
    server_.close();
  }

  const LocalAddress address = open_address();

 private:
  RawPipe server_ = RawPipe(CreateEventW(nullptr, TRUE, FALSE, nullptr));
};

TEST_F(GuardedServer, ThatAnybodyCouldServeIsNotTrusted) {
  const std::error_condition denied = std::errc::permission_denied;
  expect("O:@D:(A;;FA;;;WD)", Trust::same_user, denied);
  expect("O:@D:(A;;FA;;;@)(A;;0x4;;;AU)", Trust::same_user, denied);
  expect("O:@D:(A;;FA;;;@)(A;;0x12019b;;;AU)(A;;WD;;;AU)", Trust::same_user, denied);
  expect("O:@D:(A;;FA;;;WD)", Trust::privileged, denied);
  expect("O:@D:(A;;FA;;;WD)", Trust::account(current_user()), denied);
  expect("", Trust::same_user, denied);
  expect("O:@D:(A;;FA;;;WD)", Trust::anyone, success);
}

TEST_F(GuardedServer, ThatIsOneUsersAloneIsTrustedByWhoTrustsHim) {
  expect("O:@D:(A;;FA;;;@)", Trust::same_user, success);
  expect("O:@D:(A;;FA;;;@)(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x12019b;;;WD)", Trust::same_user, success);
  expect("O:@D:(A;;FA;;;@)", Trust::privileged, success);
  expect("O:@D:(A;;FA;;;@)", Trust::account(current_user()), success);
  expect("O:@D:(A;;FA;;;@)", Trust::account("S-1-5-19"), std::errc::permission_denied);
}

TEST_F(GuardedServer, OfTheAdministratorsIsPrivilegedAndNobodysOwn) {
  expect("O:BAD:(A;;FA;;;BA)(A;;0x12019b;;;WD)", Trust::privileged, success);
  expect("O:BAD:(A;;FA;;;BA)(A;;0x12019b;;;WD)", Trust::same_user, std::errc::permission_denied);
}

}  // namespace
}  // namespace localsocket::test
