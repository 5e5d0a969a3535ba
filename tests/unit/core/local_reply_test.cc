// The answers that Weir gives itself.
#include "proxy/core/local_reply.h"

#include <string>

#include "tests/unit/catch.h"

using namespace weir;
using base::Error;
using base::Reason;
using http::FieldId;

namespace {

struct Reply {
  http::Response head;
  std::string body = "left over";
};

Reply reply(int status, std::string_view accept, std::string_view id = "the-id") {
  const Error error{Reason::no_node, base::Fault::ourselves, base::Retry::never, 0, "no node can take it"};
  Reply made;
  made.head.fields.add("X-Left-Over", "1");
  core::make_reply({error, status, "the date", id, accept, {}}, made.head, made.body);
  return made;
}

bool is_json(std::string_view accept) {
  return reply(503, accept).body.starts_with('{');
}

}  // namespace

TEST_CASE("a reply in words") {
  const Reply made = reply(503, "");
  CHECK(made.body == "503 no_node: no node can take it\n");
  CHECK(made.head.status == 503);
  CHECK(made.head.length.kind == http::BodyLength::Kind::bytes);
  CHECK(made.head.length.bytes == made.body.size());
  CHECK(made.head.fields.get(FieldId::date) == "the date");
  CHECK(made.head.fields.get(FieldId::content_type) == "text/plain; charset=utf-8");
  CHECK(made.head.fields.get(FieldId::x_request_id) == "the-id");
  CHECK(made.head.fields.get(FieldId::retry_after) == "1");
  CHECK(made.head.fields.size() == 4);
}

TEST_CASE("a reply in JSON") {
  const Reply made = reply(504, "application/json");
  CHECK(made.body == "{\"status\":504,\"reason\":\"no_node\",\"detail\":\"no node can take it\"}\n");
  CHECK(made.head.length.bytes == made.body.size());
  CHECK(made.head.fields.get(FieldId::content_type) == "application/json");
}

TEST_CASE("JSON goes to those who prefer it") {
  CHECK(is_json("application/json"));
  CHECK(is_json("application/json, text/plain;q=0.5"));
  CHECK(is_json("image/png, application/json"));
  CHECK_FALSE(is_json(""));
  CHECK_FALSE(is_json("*/*"));
  CHECK_FALSE(is_json("text/html, application/json"));
}

TEST_CASE("a 204 has no body and nothing that speaks of one") {
  const Reply made = reply(204, "application/json");
  CHECK(made.body.empty());
  CHECK(made.head.length.kind == http::BodyLength::Kind::none);
  CHECK_FALSE(made.head.fields.has(FieldId::content_type));
  CHECK(made.head.fields.get("Allow"));
}

TEST_CASE("fields that go with a status") {
  CHECK_FALSE(reply(404, "").head.fields.has(FieldId::retry_after));
  CHECK(reply(405, "").head.fields.get("Allow"));  // RFC 9110 15.5.6
  CHECK_FALSE(reply(404, "").head.fields.get("Allow"));
  CHECK_FALSE(reply(404, "", "").head.fields.has(FieldId::x_request_id));
}

TEST_CASE("an error's own status comes before its reason's") {
  CHECK(core::status_of({.reason = Reason::bad_request, .status = 431}) == 431);
  const std::pair<Reason, int> table[] = {{Reason::no_route, 404},         {Reason::no_node, 503},
                                          {Reason::connect_refused, 502},  {Reason::connect_timeout, 504},
                                          {Reason::upstream_reset, 502},   {Reason::upstream_closed, 502},
                                          {Reason::upstream_bad, 502},     {Reason::upstream_truncated, 502},
                                          {Reason::response_timeout, 504}, {Reason::request_timeout, 504},
                                          {Reason::client_timeout, 408},   {Reason::bad_request, 400},
                                          {Reason::too_large, 413},        {Reason::rate_limited, 429},
                                          {Reason::queue_full, 503},       {Reason::queue_timeout, 503},
                                          {Reason::overloaded, 503},       {Reason::drained, 503},
                                          {Reason::internal, 500}};
  for (const auto& [reason, status] : table) {
    INFO(word(reason));
    CHECK(core::status_of({.reason = reason}) == status);
  }
}

TEST_CASE("a call of gRPC is told in its own words") {
  const Error error{Reason::no_node, base::Fault::ourselves, base::Retry::never, 0, "100 % of them are down"};
  Reply made;
  core::make_reply({error, 503, "the date", "the-id", "", "application/grpc+proto"}, made.head, made.body);
  CHECK(made.head.status == 200);
  CHECK(made.body.empty());
  CHECK(made.head.fields.get(FieldId::content_type) == "application/grpc");
  CHECK(made.head.fields.get("grpc-status") == "14");
  CHECK(made.head.fields.get("grpc-message") == "no_node: 100 %25 of them are down");
  CHECK(made.head.fields.get(FieldId::x_request_id) == "the-id");
}

TEST_CASE("a 421 is one to calls of gRPC, too") {
  const Error error{Reason::bad_request, base::Fault::downstream, base::Retry::never, 421, "elsewhere"};
  Reply made;
  core::make_reply({error, 421, "the date", "the-id", "", "application/grpc"}, made.head, made.body);
  CHECK(made.head.status == 421);
}

TEST_CASE("a redirect says where it is") {
  http::Response head;
  std::string body = "left over";
  head.fields.add("X-Left-Over", "1");
  core::make_redirect("https://a.test/", "the date", "the-id", head, body);
  CHECK(head.status == 308);
  CHECK(body == "308: it is at https://a.test/\n");
  CHECK(head.length.bytes == body.size());
  CHECK(head.fields.get(FieldId::location) == "https://a.test/");
  CHECK(head.fields.get(FieldId::x_request_id) == "the-id");
  CHECK_FALSE(head.fields.get("X-Left-Over"));
}
