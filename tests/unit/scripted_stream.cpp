#include "scripted_stream.hpp"

#include "core/errors.hpp"

#include <algorithm>
#include <utility>

namespace localsocket {

namespace detail {

std::size_t Connection::pass(std::size_t size, bool all, std::error_code& error) {
  error.clear();
  if (!ec) return size;
  const std::size_t passed = std::min(size, until_interruption);
  until_interruption -= passed;
  if (passed == size || (!all && passed > 0)) return passed;
  error = std::exchange(ec, {});
  return passed;
}

// The library's own, without its texts.
const std::error_category& any_category = std::generic_category();

std::error_code error(Operation, std::errc condition) noexcept { return std::make_error_code(condition); }
std::error_code error(Operation, Errc condition) noexcept { return {static_cast<int>(condition), category()}; }
void raise(const std::error_code& ec, std::string_view action, const LocalAddress&) {
  throw std::system_error(ec, std::string(action));
}

}  // namespace detail

const std::error_category& category() noexcept {
  static const struct : std::error_category {
    const char* name() const noexcept override { return "localsocket"; }
    std::string message(int value) const override { return std::to_string(value); }
  } own;
  return own;
}

std::error_condition make_error_condition(Errc condition) noexcept { return {static_cast<int>(condition), category()}; }

LocalStream::LocalStream() noexcept = default;
LocalStream::LocalStream(LocalStream&&) noexcept = default;
LocalStream& LocalStream::operator=(LocalStream&&) noexcept = default;
LocalStream::~LocalStream() = default;
LocalStream::LocalStream(std::shared_ptr<detail::Connection> connection) noexcept
    : connection_(std::move(connection)) {}

// Any handle will do: adopt() is the public way to a stream, and the next connection is what it finds.
namespace {
std::shared_ptr<detail::Connection> next_connection;
}  // namespace

LocalStream LocalStream::adopt(NativeHandle) { return LocalStream(std::exchange(next_connection, nullptr)); }

LocalStream detail::scripted_stream(std::shared_ptr<Connection> connection) {
  next_connection = std::move(connection);
  return LocalStream::adopt(invalid_handle);
}

std::size_t LocalStream::read_some(std::span<std::byte> buffer, const Wait& wait, std::error_code& ec) {
  return read_some(std::span<const std::span<std::byte>>(&buffer, 1), wait, ec);
}

std::size_t LocalStream::read_some(std::span<const std::span<std::byte>> buffers, const Wait&, std::error_code& ec) {
  std::size_t room = 0;
  for (const auto& buffer : buffers) room += buffer.size();
  auto& input = connection_->input;
  const std::size_t count = connection_->pass(std::min({room, input.size(), connection_->largest_step}), false, ec);
  auto from = input.begin();
  for (const auto& buffer : buffers) {
    const auto left = count - static_cast<std::size_t>(from - input.begin());
    const auto end = from + static_cast<std::ptrdiff_t>(std::min(buffer.size(), left));
    std::copy(from, end, buffer.begin());
    from = end;
  }
  input.erase(input.begin(), from);
  return count;
}

std::size_t LocalStream::write_all(std::span<const std::byte> bytes, const Wait& wait, std::error_code& ec) {
  return write_all(std::span<const std::span<const std::byte>>(&bytes, 1), wait, ec);
}

std::size_t LocalStream::write_all(std::span<const std::span<const std::byte>> buffers, const Wait&,
                                   std::error_code& ec) {
  std::vector<std::byte> all;
  for (const auto& buffer : buffers) all.insert(all.end(), buffer.begin(), buffer.end());
  const std::size_t count = connection_->pass(all.size(), true, ec);
  connection_->output.insert(connection_->output.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

std::optional<LocalStream::Duration> LocalStream::read_timeout() const noexcept { return std::nullopt; }
std::optional<LocalStream::Duration> LocalStream::write_timeout() const noexcept { return std::nullopt; }
void LocalStream::cancel() noexcept {}
void LocalStream::close() noexcept { connection_->is_closed = true; }

const LocalAddress& LocalStream::local_address() const noexcept {
  static const LocalAddress unnamed;
  return unnamed;
}
const LocalAddress& LocalStream::peer_address() const noexcept { return local_address(); }

}  // namespace localsocket
