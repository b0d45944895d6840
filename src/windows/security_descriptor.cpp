#include "security_descriptor.hpp"

#include <algorithm>

namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend {
namespace {

// To read and write, without FILE_CREATE_PIPE_INSTANCE (4), which would let others serve the name as well. Clients need
// not have it, although GENERIC_WRITE contains it ("Named Pipe Security and Access Rights").
constexpr std::string_view to_connect = "0x12019b";

std::string allow(std::string_view rights, std::string_view who) {
  return std::string("(A;;").append(rights).append(";;;").append(who).append(")");
}

}  // namespace

std::string descriptor_text(const DescriptorInputs& inputs) {
  const bool is_elevated = inputs.integrity > medium_integrity && inputs.is_administrator;
  // The user's plain programs are the same user as the elevated server. They are to connect, and not to make instances
  // of their own; so the user's right to that is the administrators', whom a plain program's token has for refusals
  // only. Who has no such group keeps the right, or could not make a second instance.
  const bool has_plain_clients = inputs.access == Access::current_user_any_privilege && is_elevated;
  // The owner by name: an administrator's objects would else belong to the group of administrators. P: nothing is
  // inherited.
  std::string text = std::string("O:").append(inputs.user) + "D:P" + allow("FA", "SY");
  if (has_plain_clients) {
    text += allow("FA", "BA") + allow(to_connect, inputs.user);
    text += allow("RC", "OW");  // or the owner, whoever it runs as, could change this list (WRITE_DAC)
  } else {
    text += allow("FA", inputs.user);
  }
  if (!inputs.group.empty()) text += allow(to_connect, inputs.group);
  if (inputs.access == Access::everyone) text += allow(to_connect, "WD");
  // The label keeps lower levels from writing. What a pipe without one has, the documentation says in two ways
  // ("Mandatory Integrity Control"). Nobody may set a higher level than his own.
  const bool is_for_own_level = inputs.access == Access::current_user && inputs.group.empty();
  const std::uint32_t level = is_for_own_level ? inputs.integrity : std::min(inputs.integrity, medium_integrity);
  return text + "S:(ML;;NW;;;S-1-16-" + std::to_string(level) + ")";
}

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail::windows_backend
