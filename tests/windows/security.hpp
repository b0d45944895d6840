// Who may do what with a pipe, as the system tells it.
#pragma once

#include <windows.h>

// After <windows.h>.
#include <aclapi.h>
#include <gtest/gtest.h>
#include <sddl.h>

#include <cstddef>
#include <string>
#include <vector>

namespace localsocket::test {

/// A pipe's owner and the entries of its DACL.
class Security {
 public:
  struct Entry {
    std::string who;  ///< a SID in text
    ACCESS_MASK access;
  };

  explicit Security(HANDLE pipe) {
    PSID owner = nullptr;
    PACL acl = nullptr;
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    EXPECT_EQ(GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner,
                              nullptr, &acl, nullptr, &descriptor),
              DWORD{ERROR_SUCCESS});
    if (owner != nullptr) owner_ = text_of_sid(owner);
    for (DWORD i = 0; acl != nullptr && i < acl->AceCount; ++i) {
      void* ace = nullptr;
      EXPECT_TRUE(GetAce(acl, i, &ace));
      EXPECT_EQ(static_cast<ACE_HEADER*>(ace)->AceType, ACCESS_ALLOWED_ACE_TYPE);
      const auto* allowed = static_cast<ACCESS_ALLOWED_ACE*>(ace);
      entries_.push_back({text_of_sid(const_cast<DWORD*>(&allowed->SidStart)), allowed->Mask});
    }
    LocalFree(descriptor);
  }

  static std::string text_of_sid(PSID sid) {
    char* text = nullptr;
    EXPECT_TRUE(ConvertSidToStringSidA(sid, &text));
    std::string result = text == nullptr ? "" : text;
    LocalFree(text);
    return result;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& owner() const { return owner_; }
  std::vector<std::string> who() const {
    std::vector<std::string> result;
    for (const Entry& entry : entries_) result.push_back(entry.who);
    return result;
  }
  ACCESS_MASK access_of(const std::string& who) const {
    for (const Entry& entry : entries_) {
      if (entry.who == who) return entry.access;
    }
    return 0;
  }

 private:
  std::string owner_;
  std::vector<Entry> entries_;
};

inline std::string current_user() {
  HANDLE token = nullptr;
  EXPECT_TRUE(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
  alignas(TOKEN_USER) std::byte buffer[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  DWORD size = sizeof buffer;
  EXPECT_TRUE(GetTokenInformation(token, TokenUser, buffer, size, &size));
  CloseHandle(token);
  return Security::text_of_sid(reinterpret_cast<TOKEN_USER*>(buffer)->User.Sid);
}

}  // namespace localsocket::test
