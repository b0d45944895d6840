#include "../open_file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>

namespace example {
namespace {

template <class Result>
Result checked(Result result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

localsocket::OwnedHandle open_to_read(const std::filesystem::path& file) {
  return localsocket::OwnedHandle(checked(::open(file.c_str(), O_RDONLY | O_CLOEXEC), "open"));
}

std::size_t read_some(const localsocket::OwnedHandle& file, std::span<std::byte> to) {
  return static_cast<std::size_t>(checked(::read(file.native_handle(), to.data(), to.size()), "read"));
}

}  // namespace example
