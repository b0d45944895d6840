// The Language Server Protocol (https://microsoft.github.io/language-server-protocol/): what both ends share.
#pragma once

#include <localsocket/message_stream.hpp>

#include <string_view>

#include "json_rpc.hpp"

namespace example {

inline constexpr localsocket::MessageOptions lsp_options{.framing = localsocket::Framing::content_length};

/// NAME of the only argument, `--pipe=NAME`; else empty.
inline std::string_view lsp_pipe(int argc, char** argv) {
  constexpr std::string_view option = "--pipe=";
  const std::string_view argument = argc == 2 ? argv[1] : "";
  return argument.starts_with(option) ? argument.substr(option.size()) : std::string_view();
}

/// A request without an id. Parameters that are null are left out: the protocol has them as objects or not at all.
inline Json notification(std::string_view method, const Json& params) {
  Json message{{"jsonrpc", "2.0"}, {"method", method}};
  if (!params.is_null()) message["params"] = params;
  return message;
}

}  // namespace example
