// What a peer can do with its handle of shared memory, and peers that lie (docs/design.md, 17).
#include <windows.h>

#include <string>
#include <utility>

#include "support/handles.hpp"
#include "support/test.hpp"
#include "support/wine.hpp"

namespace localsocket::test {
namespace {

constexpr std::size_t size = 256 * 1024;

class SectionOfAPeer : public ::testing::Test {
 protected:
  SectionOfAPeer() { memory.read_only_for_peer(); }
  SharedMemory memory = SharedMemory::create(size);
};

DWORD error_of_mapping(HANDLE section, DWORD access) {
  void* const view = MapViewOfFile(section, access, 0, 0, 0);
  if (view == nullptr) return GetLastError();
  UnmapViewOfFile(view);
  return ERROR_SUCCESS;
}

/// Of gaining another handle with more rights.
DWORD error_of_duplicating(HANDLE section, DWORD access) {
  HANDLE copy = nullptr;
  if (!DuplicateHandle(GetCurrentProcess(), section, GetCurrentProcess(), &copy, access, FALSE, 0)) {
    return GetLastError();
  }
  CloseHandle(copy);
  return ERROR_SUCCESS;
}

TEST_F(SectionOfAPeer, CannotBeMappedForWriting) {
  EXPECT_EQ(error_of_mapping(memory.handle_for_peer(), FILE_MAP_READ), DWORD{ERROR_SUCCESS});
  EXPECT_EQ(error_of_mapping(memory.handle_for_peer(), FILE_MAP_WRITE), DWORD{ERROR_ACCESS_DENIED});
  EXPECT_EQ(error_of_mapping(memory.native_handle(), FILE_MAP_WRITE), DWORD{ERROR_SUCCESS});
}

TEST_F(SectionOfAPeer, CannotBecomeAHandleOfMoreRights) {
  EXPECT_EQ(error_of_duplicating(memory.handle_for_peer(), FILE_MAP_READ), DWORD{ERROR_SUCCESS});
  for (const DWORD access : {DWORD{FILE_MAP_WRITE}, DWORD{FILE_MAP_ALL_ACCESS}}) {
    EXPECT_EQ(error_of_duplicating(memory.handle_for_peer(), access), DWORD{ERROR_ACCESS_DENIED}) << access;
  }
}

TEST_F(SectionOfAPeer, CannotBeOpenedToOthersByItsOwner) {
  SKIP_UNDER_WINE("an owner may do what the entry for OWNER RIGHTS does not allow");
  for (const DWORD access : {DWORD{WRITE_DAC}, DWORD{WRITE_OWNER}}) {
    EXPECT_EQ(error_of_duplicating(memory.handle_for_peer(), access), DWORD{ERROR_ACCESS_DENIED}) << access;
  }
}

TEST_F(SectionOfAPeer, IsMappedForReadingOnly) {
  SharedMemory seen = SharedMemory::adopt(OwnedHandle(duplicate_handle(memory.native_handle())));
  DWORD before = 0;
  EXPECT_FALSE(VirtualProtect(seen.data(), 1, PAGE_READWRITE, &before));
  EXPECT_EQ(seen.size(), size);
}

HANDLE section_of(HANDLE file, DWORD protection, DWORD bytes) {
  return CreateFileMappingW(file, nullptr, protection, 0, bytes, nullptr);
}

TEST(ForeignSection, ThatIsOnlyReservedIsRefused) {
  std::error_code ec;
  SharedMemory::adopt(OwnedHandle(section_of(INVALID_HANDLE_VALUE, PAGE_READWRITE | SEC_RESERVE, size)), ec);
  EXPECT_CODE(ec, std::errc::operation_not_supported);
}

TEST(ForeignSection, HasTheSizeOfItsFirstCommittedPages) {
  OwnedHandle section(section_of(INVALID_HANDLE_VALUE, PAGE_READWRITE | SEC_RESERVE, size));
  void* const view = MapViewOfFile(section.native_handle(), FILE_MAP_WRITE, 0, 0, 0);
  ASSERT_NE(VirtualAlloc(view, 64 * 1024, MEM_COMMIT, PAGE_READWRITE), nullptr);
  std::error_code ec;
  const SharedMemory seen = SharedMemory::adopt(std::move(section), ec);
  EXPECT_CODE(ec, success);
  EXPECT_EQ(seen.size(), std::size_t{64 * 1024});
  EXPECT_EQ(seen.data()[seen.size() - 1], std::byte{});
  UnmapViewOfFile(view);
}

TEST(ForeignSection, OfAFileIsRefused) {
  wchar_t program[MAX_PATH];
  ASSERT_NE(GetModuleFileNameW(nullptr, static_cast<wchar_t*>(program), MAX_PATH), 0U);
  const OwnedHandle file(CreateFileW(static_cast<const wchar_t*>(program), GENERIC_READ, FILE_SHARE_READ, nullptr,
                                     OPEN_EXISTING, 0, nullptr));
  for (const DWORD kind : {DWORD{PAGE_READONLY}, DWORD{PAGE_READONLY | SEC_IMAGE}}) {
    OwnedHandle section(section_of(file.native_handle(), kind, 0));
    ASSERT_TRUE(section.is_open());
    std::error_code ec;
    SharedMemory::adopt(std::move(section), ec);
    EXPECT_CODE(ec, std::errc::operation_not_supported) << kind;
  }
}

TEST(ForeignSection, ThatCannotBeReadIsRefused) {
  const SharedMemory memory = SharedMemory::create(size);
  HANDLE copy = nullptr;
  const HANDLE self = GetCurrentProcess();
  ASSERT_TRUE(DuplicateHandle(self, memory.native_handle(), self, &copy, READ_CONTROL, FALSE, 0));
  std::error_code ec;
  SharedMemory::adopt(OwnedHandle(copy), ec);
  EXPECT_CODE(ec, std::errc::permission_denied);
}

}  // namespace
}  // namespace localsocket::test
