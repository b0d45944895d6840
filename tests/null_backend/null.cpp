#include "backend.hpp"
#include "core/trace.hpp"

namespace localsocket::inline LOCALSOCKET_ABI::detail {

std::vector<NativeAddress> native_addresses(AddressForm, std::string_view, std::error_code& ec) {
  return not_supported<std::vector<NativeAddress>>(ec);
}

std::error_code check_options(const LocalAddress&, const ListenOptions&) { return {}; }

bool is_current_user(const PeerIdentity&) { return false; }

void close_handle(NativeHandle) noexcept {}

bool has_exited(const ProcessOfPeer&, std::error_code& ec) noexcept { return not_supported<bool>(ec); }
bool wait_for_exit(const ProcessOfPeer&, Call&, std::error_code& ec) noexcept { return not_supported<bool>(ec); }
ProcessOfPeer duplicate(const ProcessOfPeer&, std::error_code& ec) noexcept { return not_supported<ProcessOfPeer>(ec); }
bool has_spare_handle() noexcept { return true; }
Presence presence_at(const LocalAddress&, std::error_code& ec) { return not_supported<Presence>(ec); }
void start_detached(std::span<const std::string>, std::error_code& ec) { not_supported(ec); }

MappedMemory create_memory(std::size_t, std::error_code& ec) noexcept { return not_supported<MappedMemory>(ec); }
MappedMemory map_memory(NativeHandle, std::error_code& ec) noexcept { return not_supported<MappedMemory>(ec); }
NativeHandle make_read_only_for_peer(const MappedMemory&, std::error_code& ec) noexcept {
  not_supported(ec);
  return invalid_handle;
}
void unmap_memory(const MappedMemory&) noexcept {}

bool handles_are_numbers() noexcept { return false; }
std::uint64_t number_of(NativeHandle) noexcept { return 0; }
bool handles_need_acknowledgement() noexcept { return false; }
OwnedHandle duplicate_handle(NativeHandle, std::error_code& ec) noexcept { return not_supported<OwnedHandle>(ec); }

bool has_own_meaning(Operation, int) noexcept { return false; }
std::error_condition native_condition(Operation, int code) noexcept { return {code, std::generic_category()}; }
int native_code(Operation, const std::error_condition& condition) noexcept { return condition.value(); }
std::string native_message(int code) { return std::generic_category().message(code); }

std::uint64_t native_thread_id() noexcept { return 0; }
std::string trace_target() { return {}; }

}  // namespace localsocket::inline LOCALSOCKET_ABI::detail
