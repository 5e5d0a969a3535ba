#include "proxy/core/local_reply.h"

#include <fmt/format.h>

#include "proxy/policy/grpc.h"

namespace weir::core {
namespace {

using base::Reason;
using http::FieldId;

// Whether JSON is named in Accept, and text or anything is not named before it.
bool prefers_json(std::string_view accept) {
  std::size_t json = accept.find("application/json");
  std::size_t text = accept.find("text/");
  return json != std::string_view::npos && (text == std::string_view::npos || json < text);
}

// Says in the body what the matter is.
void describe(const LocalReply& reply, http::Response& head, std::string& body) {
  const std::string_view reason = word(reply.error.reason);
  const bool json = prefers_json(reply.accept);
  if (json)
    fmt::format_to(std::back_inserter(body),
                   R"({{"status":{},"reason":"{}","detail":"{}"}})"
                   "\n",
                   reply.status, reason, reply.error.detail);
  else
    fmt::format_to(std::back_inserter(body), "{} {}: {}\n", reply.status, reason, reply.error.detail);
  head.length = {http::BodyLength::Kind::bytes, body.size()};
  head.fields.add(FieldId::content_type, json ? "application/json" : "text/plain; charset=utf-8");
}

// A head that is trailers as well, for no message follows.
void answer_call(const LocalReply& reply, http::Response& head) {
  head.status = 200;
  head.length = {http::BodyLength::Kind::bytes, 0};
  const bool web = policy::is_grpc_web(reply.content_type);
  head.fields.add(FieldId::content_type, web ? reply.content_type : "application/grpc");
  tell_status(reply.error, reply.status, head.fields);
  if (!reply.request_id.empty()) head.fields.add(FieldId::x_request_id, reply.request_id);
}

}  // namespace

void tell_status(const base::Error& error, int http_status, http::Fields& fields) {
  fields.set("grpc-status", fmt::format_int(policy::grpc_status_of(error, http_status)).str());
  fields.set("grpc-message", policy::grpc_message(fmt::format("{}: {}", word(error.reason), error.detail)));
}

int status_of(const base::Error& error) {
  if (error.status != 0) return error.status;
  switch (error.reason) {
    case Reason::no_route:
      return 404;
    case Reason::no_node:
    case Reason::overloaded:
    case Reason::queue_full:
    case Reason::queue_timeout:
    case Reason::drained:
      return 503;
    case Reason::connect_timeout:
    case Reason::response_timeout:
    case Reason::request_timeout:
      return 504;
    case Reason::client_timeout:
      return 408;
    case Reason::bad_request:
      return 400;
    case Reason::too_large:
      return 413;
    case Reason::denied:
      return 403;
    case Reason::rate_limited:
      return 429;
    case Reason::internal:
      return 500;
    default:
      return 502;
  }
}

void make_reply(const LocalReply& reply, http::Response& head, std::string& body) {
  body.clear();
  head.clear();
  head.status = reply.status;
  head.fields.add(FieldId::date, reply.date);
  // A 421 has the client ask over another connection, whatever it asks.
  const bool is_call = policy::is_grpc(reply.content_type) || policy::is_grpc_web(reply.content_type);
  if (reply.status != 421 && is_call) return answer_call(reply, head);
  if (reply.status != 204) describe(reply, head, body);
  if (!reply.request_id.empty()) head.fields.add(FieldId::x_request_id, reply.request_id);
  if (reply.status == 503) head.fields.add(FieldId::retry_after, "1");
  if (reply.status == 405 || reply.status == 204)
    head.fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
}

void make_redirect(std::string_view location, std::string_view date, std::string_view request_id,
                   http::Response& head, std::string& body) {
  head.clear();
  head.status = 308;
  body = fmt::format("308: it is at {}\n", location);
  head.length = {http::BodyLength::Kind::bytes, body.size()};
  head.fields.add(FieldId::location, location);
  head.fields.add(FieldId::date, date);
  head.fields.add(FieldId::content_type, "text/plain; charset=utf-8");
  head.fields.add(FieldId::x_request_id, request_id);
}

}  // namespace weir::core
