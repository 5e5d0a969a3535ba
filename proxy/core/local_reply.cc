#include "proxy/core/local_reply.h"

#include <fmt/format.h>

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

}  // namespace

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
  if (reply.status != 204) describe(reply, head, body);
  if (!reply.request_id.empty()) head.fields.add(FieldId::x_request_id, reply.request_id);
  if (reply.status == 503) head.fields.add(FieldId::retry_after, "1");
  if (reply.status == 405 || reply.status == 204)
    head.fields.add("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
}

}  // namespace weir::core
