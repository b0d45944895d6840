// A language server: it finds what is left to do in a text.
//
//     lsp_server --pipe=NAME
//
// As an editor starts one: the editor listens at NAME, a Unix domain socket or a named pipe, and the server connects to
// it. It reports each line with "TODO" in it. Exits with 0 if it was shut down before it was told to exit.
//
// https://microsoft.github.io/language-server-protocol/

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include "support/json_rpc.hpp"
#include "support/lsp.hpp"

using example::Json;
using localsocket::LocalStream;
using localsocket::MessageStream;

namespace {

Json diagnostics_of(const Json& document) {
  Json diagnostics = Json::array();
  std::istringstream text(document.at("text").get<std::string>());
  std::string line;
  for (int number = 0; std::getline(text, line); ++number) {
    const std::size_t at = line.find("TODO");
    if (at == std::string::npos) continue;
    const Json begin{{"line", number}, {"character", at}};
    const Json end{{"line", number}, {"character", at + 4}};
    diagnostics.push_back({{"range", {{"start", begin}, {"end", end}}}, {"message", "this is left to do"}});
  }
  return {{"uri", document.at("uri")}, {"diagnostics", diagnostics}};
}

/// Whether the editor ended it in order.
bool serve(std::string_view pipe) {
  MessageStream messages(LocalStream::connect(pipe, std::chrono::seconds(30)), example::lsp_options);
  bool is_shut_down = false;
  bool is_told_to_exit = false;
  const example::Methods methods{
      {"initialize",
       [](const Json&) {
         const Json capabilities{{"textDocumentSync", {{"openClose", true}}}};
         return Json{{"capabilities", capabilities}, {"serverInfo", {{"name", "lsp_server"}}}};
       }},
      {"initialized", [](const Json&) { return Json(); }},
      {"textDocument/didOpen",
       [&](const Json& params) {
         const Json diagnostics = diagnostics_of(params.at("textDocument"));
         messages.send(example::notification("textDocument/publishDiagnostics", diagnostics).dump());
         return Json();
       }},
      {"shutdown",
       [&](const Json&) {
         is_shut_down = true;
         return Json();
       }},
      {"exit",
       [&](const Json&) {
         is_told_to_exit = true;
         return Json();
       }},
  };
  std::string request;
  while (!is_told_to_exit && messages.receive(request)) {
    const std::string reply = example::answer(methods, request);
    if (!reply.empty()) messages.send(reply);
  }
  return is_shut_down && is_told_to_exit;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view pipe = example::lsp_pipe(argc, argv);
  if (pipe.empty()) {
    std::cerr << "usage: lsp_server --pipe=NAME\n";
    return 2;
  }
  try {
    return serve(pipe) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "lsp_server: " << error.what() << '\n';
    return 1;
  }
}
