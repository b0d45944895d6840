// Answers JSON-RPC 2.0 requests, each a message, from any number of clients at once:
//
//     rpc_server <address>
//
// The methods: echo (its parameters), sum (of numbers), upper (of one text). A client may send many requests before it
// reads a reply; replies to what has come together go back together. It stops at a line or the end of its standard
// input.

#include <localsocket/localsocket.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include "support/json_rpc.hpp"
#include "support/server.hpp"

using example::Json;
using localsocket::LocalStream;
using localsocket::MessageBatch;
using localsocket::MessageStream;

namespace {

const example::Methods methods{
    {"echo", [](const Json& params) { return params; }},
    {"sum",
     [](const Json& params) {
       double sum = 0;
       for (const Json& number : params) sum += number.get<double>();
       return Json(sum);
     }},
    {"upper",
     [](const Json& params) {
       auto text = params.at(0).get<std::string>();
       std::ranges::transform(text, text.begin(),
                              [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
       return Json(text);
     }},
};

void serve(LocalStream stream, const localsocket::stop_token& stop) {
  MessageStream messages(std::move(stream));
  MessageBatch replies(messages);
  std::string request;
  while (messages.receive(request, stop)) {
    const std::string reply = example::answer(methods, request);
    if (!reply.empty()) replies.add(reply, stop);
    // Nothing more has come: the client may be waiting.
    if (!messages.has_message()) replies.flush(stop);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: rpc_server <address>\n";
    return 2;
  }
  try {
    example::serve_until_line(argv[1], serve);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "rpc_server: " << error.what() << '\n';
    return 1;
  }
}
