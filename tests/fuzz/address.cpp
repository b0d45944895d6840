// The parser of addresses: whatever the text, it is refused or kept whole, and never shortened.

#include <localsocket/address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using localsocket::LocalAddress;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const LocalAddress& address, std::string_view text, const std::error_code& ec) {
  require(address.is_unnamed() == static_cast<bool>(ec) && address.error() == ec);
  if (ec) return;
  require(!text.empty() && address.text() == text);
  require(address.native().size() >= text.size() || text.find_first_of("/\\") != std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::error_code ec;
  check(LocalAddress::parse(text, ec), text, ec);
  constexpr std::string_view machine = "machine:";
  if (!ec && text.find_first_of("@/\\") == std::string_view::npos && !text.starts_with(machine)) {
    // A name: what it may be made of, and how long it may be.
    require(size <= 100 && text.front() != '.' && text.front() != '-');
    require(text.find('\0') == std::string_view::npos);
  }
  const LocalAddress named = LocalAddress::named(text, ec);
  check(named, text, ec);
  const LocalAddress path = LocalAddress::path(text, ec);
  check(path, text, ec);
  return 0;
}
