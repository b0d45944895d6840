// Stores the log streams of its clients, any number at once, each in a directory of its own:
//
//     log_server <address> <directory>
//
// <directory>/<number>-<name>/header.json is what the client said of it; beside it is the log: text.log, binary.log, or
// datagrams.recordio with each datagram behind its LEB128 length. A stream that is malformed is refused with the
// reason, and the others go on. It stops at a line or the end of its standard input.

#include <localsocket/localsocket.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/log_stream.hpp"
#include "support/server.hpp"

using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

void say(const std::string& line) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  std::cerr << line + '\n';
}

/// Of a name that a client chose, what is harmless in a file name everywhere: the number before it keeps it from being
/// a device of Windows or beginning with a dot.
std::string harmless(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  std::string result;
  for (const char c : name.substr(0, 80)) result += allowed.find(c) != std::string_view::npos ? c : '_';
  return result;
}

/// A new directory, whatever the other clients do.
std::filesystem::path make_directory(const std::filesystem::path& parent, const std::string& name) {
  for (int number = 1;; ++number) {
    const auto path = parent / (std::to_string(number) + '-' + harmless(name));
    if (std::filesystem::create_directory(path)) return path;
  }
}

std::ofstream create(const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  out.exceptions(std::ios::badbit | std::ios::failbit);
  return out;
}

void write(std::ofstream& out, std::span<const std::byte> bytes) {
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void store_bytes(MessageStream messages, std::ofstream out, const localsocket::stop_token& stop) {
  auto [stream, unread, unsent] = messages.release();
  write(out, unread);
  std::array<std::byte, 16 * 1024> buffer;
  while (const std::size_t size = stream.read_some(buffer, stop)) write(out, std::span(buffer).first(size));
  out.close();
}

void store_datagrams(MessageStream messages, std::ofstream out, const localsocket::stop_token& stop) {
  while (const auto datagram = messages.receive(stop)) {
    out << example::encode_length(datagram->size());
    write(out, *datagram);
  }
  out.close();
}

void store(const std::filesystem::path& parent, LocalStream stream, const localsocket::stop_token& stop) try {
  auto [header, messages] = example::receive_log_handshake(std::move(stream), {patience, stop});
  const auto directory = make_directory(parent, header.name);
  create(directory / "header.json") << example::to_json(header).dump(2, ' ', false,
                                                                     nlohmann::json::error_handler_t::replace)
                                    << '\n';
  say("storing \"" + harmless(header.name) + "\" in " + directory.filename().string());
  if (header.type == example::LogType::datagram) {
    store_datagrams(std::move(messages), create(directory / "datagrams.recordio"), stop);
  } else {
    store_bytes(std::move(messages), create(directory / (to_string(header.type) + ".log")), stop);
  }
  say("stored " + directory.filename().string());
} catch (const example::LogFormatError& error) {
  say(std::string("refused a stream: ") + error.what());
} catch (const std::system_error& error) {
  if (error.code() == localsocket::Errc::malformed_message || error.code() == localsocket::Errc::message_too_large) {
    say(std::string("refused the rest of a stream: ") + error.what());
  } else if (error.code() != std::errc::operation_canceled) {
    say(std::string("lost a stream: ") + error.what());
  }
} catch (const std::exception& error) {
  say(std::string("lost a stream: ") + error.what());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: log_server <address> <directory>\n";
    return 2;
  }
  try {
    const std::filesystem::path directory = argv[2];
    std::filesystem::create_directories(directory);
    example::serve_until_line(argv[1], [&](LocalStream stream, const localsocket::stop_token& stop) {
      store(directory, std::move(stream), stop);
    });
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "log_server: " << error.what() << '\n';
    return 1;
  }
}
