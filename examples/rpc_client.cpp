// Calls methods of an rpc_server, all at once, and prints each result on a line, in the order of the calls:
//
//     rpc_client <address> <method> <parameters> [<method> <parameters>...]
//     rpc_client rpc.example sum '[1, 2, 3]' upper '["shout"]'
//
// Exits with 1 if any of them failed.

#include <localsocket/localsocket.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

#include "support/json_rpc.hpp"

using example::Json;
using localsocket::LocalStream;
using localsocket::MessageBatch;
using localsocket::MessageStream;

namespace {

constexpr std::chrono::seconds patience{30};

/// Whether all calls succeeded.
bool call_all(const char* address, int count, char** calls) {
  MessageStream messages(LocalStream::connect(address, patience));
  // Sent aside: with more requests than the connection holds, the server would wait for us to read its replies.
  std::future<void> sending = std::async(std::launch::async, [&] {
    try {
      MessageBatch requests(messages);
      for (int id = 0; id < count; ++id) {
        const Json request{
            {"jsonrpc", "2.0"}, {"id", id}, {"method", calls[2 * id]}, {"params", Json::parse(calls[2 * id + 1])}};
        requests.add(request.dump(), patience);
      }
      requests.flush(patience);
    } catch (...) {
      messages.close();  // ends the receive below
      throw;
    }
  });

  // A server may answer in any order.
  std::map<int, Json> responses;
  std::string text;
  try {
    while (responses.size() < static_cast<std::size_t>(count)) {
      if (!messages.receive(text, patience)) throw std::runtime_error("the server closed the connection");
      Json response = Json::parse(text);
      const int id = response.at("id").get<int>();
      responses[id] = std::move(response);
    }
  } catch (...) {
    messages.close();
    sending.get();  // its failure, if any, is what made the receive fail
    throw;
  }
  bool succeeded = true;
  for (const auto& [id, response] : responses) {
    succeeded = succeeded && response.contains("result");
    (response.contains("result") ? std::cout : std::cerr)
        << response.value("result", response.value("error", Json())) << '\n';
  }
  return succeeded;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0) {
    std::cerr << "usage: rpc_client <address> <method> <parameters as JSON> [<method> <parameters>...]\n";
    return 2;
  }
  try {
    return call_all(argv[1], (argc - 2) / 2, argv + 2) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "rpc_client: " << error.what() << '\n';
    return 1;
  }
}
