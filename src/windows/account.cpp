#include "account.hpp"

#include <atomic>
#include <cstddef>
#include <memory>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {
namespace {

Handle own_token(std::error_code& ec) noexcept {
  HANDLE token = nullptr;
  if (!sys("OpenProcessToken", ::OpenProcessToken, ::GetCurrentProcess(), DWORD{TOKEN_QUERY}, &token)) {
    ec = last_error(Operation::other);
  }
  return Handle(token);
}

/// What the system says of a token, which has a SID in it.
template <class Information>
struct TokenAnswer {
  alignas(Information) std::byte bytes[sizeof(Information) + SECURITY_MAX_SID_SIZE];

  bool ask(HANDLE token, TOKEN_INFORMATION_CLASS what, std::error_code& ec) noexcept {
    DWORD size = sizeof bytes;
    const bool known =
        sys("GetTokenInformation", ::GetTokenInformation, token, what, static_cast<void*>(bytes), size, &size) != FALSE;
    if (!known) ec = last_error(Operation::other);
    return known;
  }
  const Information& get() const noexcept { return *reinterpret_cast<const Information*>(bytes); }
};

struct LocalFreer {
  void operator()(void* memory) const noexcept { ::LocalFree(memory); }
};

}  // namespace

std::string text_of(PSID sid, std::error_code& ec) {
  wchar_t* text = nullptr;
  if (!::ConvertSidToStringSidW(sid, &text)) {
    ec = last_error(Operation::other);
    return {};
  }
  const std::unique_ptr<void, LocalFreer> freer(text);
  return to_utf8(text);
}

std::string user_of(HANDLE token, std::error_code& ec) {
  TokenAnswer<TOKEN_USER> answer;
  return answer.ask(token, TokenUser, ec) ? text_of(answer.get().User.Sid, ec) : std::string();
}

// Found out once, and never destroyed: each name has it in it.
std::string current_user(std::error_code& ec) {
  static std::atomic<const std::string*> known{nullptr};
  if (const std::string* const user = known.load()) return *user;
  const Handle token = own_token(ec);
  if (ec) return {};
  auto user = std::make_unique<const std::string>(user_of(token.get(), ec));
  if (ec) return {};
  const std::string* expected = nullptr;
  if (!known.compare_exchange_strong(expected, user.get())) return *expected;
  return *user.release();
}

std::uint32_t own_integrity(std::error_code& ec) {
  const Handle token = own_token(ec);
  TokenAnswer<TOKEN_MANDATORY_LABEL> answer;
  if (ec || !answer.ask(token.get(), TokenIntegrityLevel, ec)) return 0;
  PSID const sid = answer.get().Label.Sid;
  return *::GetSidSubAuthority(sid, DWORD{*::GetSidSubAuthorityCount(sid)} - 1);
}

bool is_administrator() noexcept {
  alignas(SID) std::byte sid[SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof sid;
  BOOL is_member = FALSE;
  return ::CreateWellKnownSid(WinBuiltinAdministratorsSid, nullptr, static_cast<void*>(sid), &size) &&
         sys("CheckTokenMembership", ::CheckTokenMembership, HANDLE{nullptr}, PSID{sid}, &is_member) &&
         is_member != FALSE;
}

std::string sid_of_account(const std::string& name, Operation operation, std::error_code& ec) {
  const std::wstring wide = to_wide(name);
  PSID parsed = nullptr;
  if (::ConvertStringSidToSidW(wide.c_str(), &parsed)) {
    const std::unique_ptr<void, LocalFreer> freer(parsed);
    return text_of(parsed, ec);
  }
  alignas(SID) std::byte sid[SECURITY_MAX_SID_SIZE];
  wchar_t domain[256];
  DWORD size = sizeof sid;
  DWORD domain_size = 256;
  SID_NAME_USE use{};
  const bool known = !wide.empty() && sys("LookupAccountNameW", ::LookupAccountNameW, LPCWSTR{nullptr}, wide.c_str(),
                                          PSID{sid}, &size, static_cast<wchar_t*>(domain), &domain_size, &use) != FALSE;
  if (known) return text_of(PSID{sid}, ec);
  ec = error(operation, std::errc::invalid_argument);
  return {};
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
