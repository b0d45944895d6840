// The log streams of LUCI's butler: a handshake, then bytes or datagrams. What client and server share.
//
//   42 54 4C 52 31 1E      "BTLR1" and a record separator
//   length, JSON           a message of at most 1 MiB: name, contentType, type, timestamp, tags
//   …                      type text or binary: bytes as they come, until the end of the stream;
//                          type datagram: messages
//
// https://chromium.googlesource.com/infra/luci/luci-go/+/main/logdog/client/butler/streamserver/
#pragma once

#include <localsocket/localsocket.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace example {

inline constexpr std::string_view log_magic{"BTLR1\x1e", 6};
inline constexpr std::size_t largest_log_header = 1024 * 1024;
inline constexpr localsocket::MessageOptions log_header_options{.max_size = largest_log_header};

enum class LogType { text, binary, datagram };

/// Where a log comes from: this process, or a child that was given the connection as its standard output.
enum class LogSource { in_process, child_output };

struct LogHeader {
  std::string name;
  std::string content_type = "text/plain";
  LogType type = LogType::text;
  std::string timestamp;  // RFC 3339
  std::map<std::string, std::string> tags;
};

/// A handshake that is not one; what() says how.
struct LogFormatError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline std::string to_string(LogType type) {
  return type == LogType::text ? "text" : type == LogType::binary ? "binary" : "datagram";
}

inline LogType log_type(std::string_view text) {
  for (const LogType type : {LogType::text, LogType::binary, LogType::datagram}) {
    if (to_string(type) == text) return type;
  }
  throw LogFormatError("the type is \"" + std::string(text) + "\", not text, binary or datagram");
}

/// Refuses what cannot be: a child writes bytes, and where a datagram ends it could not say.
inline void check_log_source(LogType type, LogSource source) {
  if (type == LogType::datagram && source == LogSource::child_output) {
    throw LogFormatError("a child's output cannot be a stream of datagrams");
  }
}

/// RFC 3339, section 5.6: 2025-01-31T23:59:59.5+01:00
inline bool is_timestamp(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto matches = [&](std::string_view pattern, std::string_view part) {
    if (part.size() != pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == 'd' ? !is_digit(part[i]) : part[i] != pattern[i]) return false;
    }
    return true;
  };
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) value = value * 10 + (text[at + i] - '0');
    return value;
  };
  if (text.size() <= form.size() || !matches(form, text.substr(0, form.size()))) return false;
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  // 60: a leap second.
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60) return false;
  std::string_view rest = text.substr(form.size());
  if (rest.front() == '.') {
    const std::size_t end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return false;
    rest = rest.substr(end);
  }
  if (rest == "Z") return true;
  const std::size_t zone = text.size() - rest.size();
  return (matches("+dd:dd", rest) || matches("-dd:dd", rest)) && number(zone + 1, 2) < 24 && number(zone + 4, 2) < 60;
}

inline std::string timestamp_now() {
  using namespace std::chrono;
  const auto now = floor<seconds>(system_clock::now());
  const auto today = floor<days>(now);
  const year_month_day date(today);
  const hh_mm_ss time(now - today);
  std::array<char, 32> text;
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                                 static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

inline nlohmann::json to_json(const LogHeader& header) {
  return {{"name", header.name},
          {"contentType", header.content_type},
          {"type", to_string(header.type)},
          {"timestamp", header.timestamp},
          {"tags", header.tags}};
}

/// The JSON of a handshake, checked. Fields that are not known are left alone.
inline LogHeader parse_log_header(std::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) throw LogFormatError("the header is not a JSON object");
  const auto field = [&](const char* name) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string()) {
      throw LogFormatError("the header's \"" + std::string(name) + "\" is missing, or not a text");
    }
    return found->get<std::string>();
  };
  LogHeader header{field("name"), field("contentType"), log_type(field("type")), field("timestamp"), {}};
  if (header.name.empty()) throw LogFormatError("the header's \"name\" is empty");
  if (!is_timestamp(header.timestamp))
    throw LogFormatError("the timestamp is not one of RFC 3339: " + header.timestamp);
  const nlohmann::json tags = json.value("tags", nlohmann::json::object());
  if (!tags.is_object()) throw LogFormatError("the header's \"tags\" are not an object");
  for (const auto& [name, value] : tags.items()) {
    if (!value.is_string()) throw LogFormatError("the tag \"" + name + "\" is not a text");
    header.tags[name] = value.get<std::string>();
  }
  return header;
}

/// The length of a message, as it stands before it: unsigned LEB128.
inline std::string encode_length(std::size_t length) {
  std::string bytes;
  for (; length >= 0x80; length >>= 7) bytes += static_cast<char>((length & 0x7f) | 0x80);
  return bytes += static_cast<char>(length);
}

/// The handshake; what is sent behind it is the log.
inline std::string log_handshake(const LogHeader& header, LogSource source) {
  check_log_source(header.type, source);
  const std::string json = to_json(header).dump();
  if (json.size() > largest_log_header) throw LogFormatError("the header is longer than 1 MiB");
  return std::string(log_magic) + encode_length(json.size()) + json;
}

/// Receives the handshake. The MessageStream goes on behind it: with datagrams, or with the bytes that release() gives.
inline std::pair<LogHeader, localsocket::MessageStream> receive_log_handshake(localsocket::LocalStream stream,
                                                                              const localsocket::Wait& wait) {
  std::array<std::byte, log_magic.size()> magic;
  std::error_code ec;
  const std::size_t size = stream.read_exact(magic, wait, ec);
  if (ec && ec != localsocket::Errc::end_of_stream) throw std::system_error(ec, "read a handshake");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), size) != log_magic) {
    throw LogFormatError("the stream does not begin with BTLR1\\x1e");
  }
  localsocket::MessageStream messages(std::move(stream), log_header_options);
  std::string text;
  if (!messages.receive(text, wait, ec)) {
    if (!ec) throw LogFormatError("the stream ended before the header");
    if (ec == localsocket::Errc::message_too_large) throw LogFormatError("the header is longer than 1 MiB");
    if (ec == localsocket::Errc::malformed_message)
      throw LogFormatError("the header's length is malformed, or it is cut short");
    throw std::system_error(ec, "read a handshake");
  }
  LogHeader header = parse_log_header(text);
  // From here on the usual limit for a datagram, not that of a header.
  return {std::move(header), localsocket::MessageStream(messages.release())};
}

}  // namespace example
