// What an editor does with a language server, once:
//
//     lsp_client --pipe=NAME < text
//     lsp_server --pipe=NAME
//
// It listens at NAME for the server, which an editor would start, opens a text, prints what the server says of it, and
// shuts the server down.

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/json_rpc.hpp"
#include "support/lsp.hpp"

using example::Json;
using localsocket::LocalListener;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

/// A connection to a language server.
class LanguageServer {
 public:
  explicit LanguageServer(localsocket::LocalStream stream) : messages_(std::move(stream), example::lsp_options) {}

  void notify(std::string_view method, const Json& params) {
    messages_.send(example::notification(method, params).dump(), patience);
  }

  /// The result; what the server notifies meanwhile is printed.
  Json call(std::string_view method, const Json& params) {
    Json request = example::notification(method, params);
    request["id"] = ++last_id_;
    messages_.send(request.dump(), patience);
    for (;;) {
      if (!messages_.receive(text_, patience)) throw std::runtime_error("the server closed the connection");
      const Json message = Json::parse(text_);
      if (message.value("id", Json()) == last_id_) return message.at("result");
      if (message.value("method", "") == "textDocument/publishDiagnostics") print(message.at("params"));
    }
  }

  /// Until the server has closed its end.
  void wait_for_end() {
    while (messages_.receive(text_, patience)) continue;
  }

 private:
  static void print(const Json& params) {
    for (const Json& diagnostic : params.at("diagnostics")) {
      const int line = diagnostic.at("range").at("start").at("line").get<int>();
      std::cout << line + 1 << ": " << diagnostic.at("message").get<std::string>() << '\n';
    }
  }

  MessageStream messages_;
  std::string text_;
  int last_id_ = 0;
};

void check(std::string_view pipe) {
  LocalListener listener = LocalListener::bind(pipe);
  std::cout << "listening on " << listener.local_address().native() << std::endl;
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  LanguageServer server(listener.accept(patience));
  const Json initialized =
      server.call("initialize", {{"processId", nullptr}, {"rootUri", nullptr}, {"capabilities", Json::object()}});
  std::cout << initialized.at("serverInfo").at("name").get<std::string>() << '\n';
  server.notify("initialized", Json::object());
  const Json document{{"uri", "untitled:text"}, {"languageId", "plaintext"}, {"version", 1}, {"text", text}};
  server.notify("textDocument/didOpen", {{"textDocument", document}});
  server.call("shutdown", Json());
  server.notify("exit", Json());
  server.wait_for_end();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view pipe = example::lsp_pipe(argc, argv);
  if (pipe.empty()) {
    std::cerr << "usage: lsp_client --pipe=NAME\n";
    return 2;
  }
  try {
    check(pipe);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "lsp_client: " << error.what() << '\n';
    return 1;
  }
}
