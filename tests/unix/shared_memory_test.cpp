// The seals of shared memory, and peers that lie about them (memfd_create(2), fcntl(2) "File Sealing"; docs/design.md,
// 17).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <localsocket/unix/descriptors.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "support/handles.hpp"
#include "support/test.hpp"
#include "unix/fork.hpp"

#if defined(__linux__)

namespace localsocket::test {
namespace {

#if !defined(F_SEAL_FUTURE_WRITE)
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

constexpr int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
constexpr std::size_t size = 64 * 1024;

class SealedMemory : public ::testing::Test {
 protected:
  SealedMemory() { memory.read_only_for_peer(); }
  SharedMemory memory = SharedMemory::create(size);
};

int error_of(long result) { return result == -1 ? errno : 0; }

/// Of a shared mapping of that descriptor.
int error_of_mapping(int fd, int protection) {
  void* const mapped = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return errno;
  ::munmap(mapped, size);
  return 0;
}

void expect_read_only(int fd) {
  EXPECT_EQ(error_of_mapping(fd, PROT_READ), 0);
  EXPECT_EQ(error_of_mapping(fd, PROT_READ | PROT_WRITE), EPERM);
  EXPECT_EQ(error_of(::pwrite(fd, "x", 1, 0)), EPERM);
  EXPECT_EQ(error_of(::ftruncate(fd, 0)), EPERM);
  EXPECT_EQ(error_of(::ftruncate(fd, 2 * size)), EPERM);
  EXPECT_EQ(error_of(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096)), EPERM);
  EXPECT_EQ(error_of(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)), EPERM);
}

TEST_F(SealedMemory, HasExactlyTheSealsThatTheContractNames) {
  EXPECT_EQ(::fcntl(memory.handle_for_peer(), F_GET_SEALS), all_seals);
  EXPECT_EQ(::fcntl(SharedMemory::create(1).native_handle(), F_GET_SEALS), 0) << "before read_only_for_peer()";
}

TEST_F(SealedMemory, CannotBeWrittenByThePeer) { expect_read_only(memory.handle_for_peer()); }

TEST_F(SealedMemory, CannotBeWrittenThroughProcEither) {
  const std::string path = "/proc/self/fd/" + std::to_string(memory.handle_for_peer());
  const OwnedHandle reopened(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(reopened.is_open());
  expect_read_only(reopened.native_handle());
}

TEST_F(SealedMemory, IsMappedWithoutTheRightToWrite) {
  SharedMemory seen = SharedMemory::adopt(OwnedHandle(duplicate_handle(memory.handle_for_peer())));
  EXPECT_EQ(error_of(::mprotect(seen.data(), size, PROT_READ | PROT_WRITE)), EACCES);
}

TEST_F(SealedMemory, HasAllItsPagesFromTheStart) {
  struct stat status {};
  ASSERT_EQ(::fstat(memory.native_handle(), &status), 0);
  EXPECT_GE(static_cast<std::size_t>(status.st_blocks) * 512, size);
}

OwnedHandle raw_memory(std::size_t bytes, int seals) {
  OwnedHandle file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(file.native_handle(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(::fcntl(file.native_handle(), F_ADD_SEALS, seals), 0);
  return file;
}

TEST(ForeignMemory, NeedsTheSealsThatKeepItsSize) {
  for (int seals = 0; seals <= 0x1f; ++seals) {
    const bool is_fixed = (seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) == 7;
    const bool is_good = is_fixed && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
    std::error_code ec;
    SharedMemory seen = SharedMemory::adopt(raw_memory(size, seals), ec);
    EXPECT_CODE(ec, is_good ? success : std::errc::operation_not_supported) << seals;
    EXPECT_EQ(seen.is_open(), is_good) << seals;
  }
}

TEST(ForeignMemory, OfNoSizeIsRefused) {
  std::error_code ec;
  SharedMemory::adopt(raw_memory(0, all_seals), ec);
  EXPECT_CODE(ec, std::errc::invalid_argument);
}

TEST(ForeignMemory, OfMoreThanThereIsIsRefused) {
  std::error_code ec;
  SharedMemory::adopt(raw_memory(std::size_t{1} << 62, all_seals), ec);
  EXPECT_CODE(ec, std::errc::not_enough_memory);
}

TEST(ForeignMemory, ThatCannotBeReadIsRefused) {
  const OwnedHandle file = raw_memory(size, all_seals);
  const std::string path = "/proc/self/fd/" + std::to_string(file.native_handle());
  std::error_code ec;
  SharedMemory::adopt(OwnedHandle(::open(path.c_str(), O_WRONLY | O_CLOEXEC)), ec);
  EXPECT_CODE(ec, std::errc::permission_denied);
}

TEST(ForeignMemory, AFileOfThatSizeIsRefused) {
  for (const char* directory : {"/tmp", "/dev/shm"}) {
    OwnedHandle file(::open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file.is_open()) continue;
    EXPECT_EQ(::ftruncate(file.native_handle(), size), 0);
    std::error_code ec;
    SharedMemory::adopt(std::move(file), ec);
    EXPECT_CODE(ec, std::errc::operation_not_supported) << directory;
  }
}

/// Sends memory with and without seals, and makes it shorter: at once, or when its peer has it mapped and asks for it.
std::string send_and_truncate(LocalStream& stream, int rounds) {
  constexpr std::array choices{0, F_SEAL_GROW | F_SEAL_SEAL, F_SEAL_GROW, all_seals};
  for (int i = 0; i < rounds; ++i) {
    const OwnedHandle file = raw_memory(size, choices[static_cast<std::size_t>(i) % choices.size()]);
    posix::send_descriptors(stream, {{file.native_handle()}}, bytes_of("x"));
    std::array<std::byte, 1> request{};
    if (i % 3 != 0) stream.read_exact(request);
    const bool is_truncated = ::ftruncate(file.native_handle(), 0) == 0;
    if (i % 3 == 0) {
      ::fcntl(file.native_handle(), F_ADD_SEALS, all_seals);
      stream.read_exact(request);
    }
    stream.write_all("y");
    if (is_truncated == (i % 4 == 3)) return "seals do not hold";
  }
  return "done";
}

/// Reads a byte of each page; what is not there any more is a SIGBUS.
unsigned sum_of(const SharedMemory& memory) {
  unsigned sum = 0;
  for (std::size_t at = 0; at < memory.size(); at += 4096) sum += std::to_integer<unsigned>(memory.data()[at]);
  return sum;
}

TEST(HostilePeer, ThatTruncatesWhatItSendsIsNoCrash) {
  constexpr int rounds = 10'000;
  auto [ours, theirs] = LocalStream::pair();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(100);
    ours.close();
    ::_exit(send_and_truncate(theirs, rounds) == "done" ? 0 : 1);
  }
  theirs.close();
  int adopted = 0;
  for (int i = 0; i < rounds; ++i) {
    std::array<std::byte, 1> byte{};
    posix::Received received = posix::receive_descriptors(ours, byte, 10s);
    ASSERT_EQ(received.descriptors.size(), 1U);
    std::error_code ec;
    const SharedMemory seen = SharedMemory::adopt(OwnedHandle(received.descriptors.front()), ec);
    ours.write_all("?");
    EXPECT_EQ(ours.read_exact(byte, 10s), 1U);
    EXPECT_EQ(sum_of(seen), 0U);
    adopted += seen.is_open() ? 1 : 0;
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_GE(adopted, rounds / 4) << "what was sealed is good";
}

}  // namespace
}  // namespace localsocket::test

#endif
