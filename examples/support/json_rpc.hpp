// JSON-RPC 2.0 (https://www.jsonrpc.org/specification): what a server does with one message.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace example {

using Json = nlohmann::json;

/// What a method throws to answer with an error of its own choice.
struct RpcError : std::runtime_error {
  RpcError(int error_code, const std::string& message) : std::runtime_error(message), code(error_code) {}
  int code;
};

// The codes of the specification, section 5.1.
inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal_error = -32603;

using Methods = std::map<std::string, std::function<Json(const Json& params)>, std::less<>>;

inline Json error_response(const Json& id, int code, const std::string& message) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}};
}

/// The result, or an error; nothing for a notification, whose sender wants to hear neither.
inline std::optional<Json> answer_one(const Methods& methods, const Json& request) {
  const bool valid = request.is_object() && request.value("jsonrpc", Json()) == "2.0" && request.contains("method") &&
                     request["method"].is_string();
  const Json id = request.is_object() ? request.value("id", Json()) : Json();
  if (!valid) return error_response(id, invalid_request, "not a request of JSON-RPC 2.0");
  Json response;
  try {
    const auto method = methods.find(request["method"].get_ref<const std::string&>());
    if (method == methods.end()) throw RpcError(method_not_found, "there is no such method");
    response = {{"jsonrpc", "2.0"}, {"id", id}, {"result", method->second(request.value("params", Json::array()))}};
  } catch (const RpcError& error) {
    response = error_response(id, error.code, error.what());
  } catch (const Json::exception& error) {
    response = error_response(id, invalid_params, error.what());
  } catch (const std::exception& error) {
    response = error_response(id, internal_error, error.what());
  }
  return request.contains("id") ? std::optional(std::move(response)) : std::nullopt;
}

/// The reply to one message, a request or an array of them; empty if there is none to send.
inline std::string answer(const Methods& methods, std::string_view message) {
  // Not what dump() throws at text that is not UTF-8: replaced.
  const auto text = [](const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); };
  const Json request = Json::parse(message, nullptr, false);
  if (request.is_discarded()) return text(error_response(Json(), parse_error, "this is not JSON"));
  if (!request.is_array() || request.empty()) {
    const auto response = answer_one(methods, request);
    return response ? text(*response) : std::string();
  }
  Json responses = Json::array();
  for (const Json& one : request) {
    if (auto response = answer_one(methods, one)) responses.push_back(std::move(*response));
  }
  return responses.empty() ? std::string() : text(responses);
}

}  // namespace example
