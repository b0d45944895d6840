// The protocol of ssh-agent (https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/): each message is a number
// that says what it is, and what belongs to it, behind its length in four bytes.
#pragma once

#include <localsocket/message_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace example {

/// OpenSSH's own limit.
inline constexpr localsocket::MessageOptions agent_options{.max_size = 256 * 1024,
                                                           .framing = localsocket::Framing::u32_be};

enum class AgentMessage : unsigned char { failure = 5, request_identities = 11, identities_answer = 12 };

/// Takes what a message is made of from its beginning on; throws std::runtime_error where it is too short.
class AgentReader {
 public:
  explicit AgentReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  AgentMessage message() { return static_cast<AgentMessage>(take(1)[0]); }

  std::uint32_t number() {
    std::uint32_t value = 0;
    for (const std::byte byte : take(4)) value = value << 8 | std::to_integer<std::uint32_t>(byte);
    return value;
  }

  std::string text() {
    const auto bytes = take(number());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size()) throw std::runtime_error("a message of the agent is cut short");
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::span<const std::byte> bytes_;
};

}  // namespace example
