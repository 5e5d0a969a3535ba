// Spans as OTLP has them in JSON: names, types, ids, attributes. The end-to-end ring holds whole payloads
// against the published shape.
#include "proxy/observe/otlp.h"

#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/catch.h"

namespace weir::observe {
namespace {

using Json = nlohmann::json;

Span server() {
  Span span;
  span.trace = {0x0af7651916cd43dd, 0x8448eb211c80319c};
  span.id = 1;
  span.parent = 2;
  span.begin_ns = 1'700'000'000'000'000'001;
  span.end_ns = 1'700'000'000'000'000'002;
  span.method = "GET";
  span.scheme = "http";
  span.host = "a.test:81";
  span.target = "/p?q=1";
  span.client = *io::Ip::parse("192.0.2.1");
  span.protocol = "1.1";
  span.route = "shop";
  span.pool = "app";
  span.node = "10.0.0.1:80";
  span.status = 200;
  return span;
}

Span client() {
  Span span = server();
  span.kind = Span::Kind::client;
  span.host = span.scheme = span.route = "";
  span.client = {};
  span.attempt = 1;
  return span;
}

Json json_of(const Span& span) {
  const Json request = Json::parse(otlp_request(std::span(&span, 1), "edge"));
  return request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
}

// "text" or the digits of a number; "" where there is no such attribute, "twice" where there are two.
std::string attribute(const Json& json, const std::string& key) {
  std::string found;
  for (const Json& each : json["attributes"]) {
    if (each["key"] != key) continue;
    if (!found.empty()) return "twice";
    const Json& value = each["value"];
    found = value.contains("intValue") ? value["intValue"].get<std::string>()
                                       : value["stringValue"].get<std::string>();
  }
  return found;
}

std::string attribute(const Span& span, const std::string& key) {
  return attribute(json_of(span), key);
}

}  // namespace

TEST_CASE("an export has one resource, one scope, and its spans in order") {
  std::vector<Span> spans = {client(), server()};
  spans[0].id = 7;
  const Json json = Json::parse(otlp_request(spans, "edge"));
  CHECK(json.size() == 1);
  REQUIRE(json["resourceSpans"].size() == 1);
  const Json& part = json["resourceSpans"][0];
  CHECK(part["resource"].dump() ==
        R"({"attributes":[{"key":"service.name","value":{"stringValue":"edge"}}]})");
  REQUIRE(part["scopeSpans"].size() == 1);
  CHECK(part["scopeSpans"][0]["scope"]["name"] == "weir");
  const Json& list = part["scopeSpans"][0]["spans"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["spanId"] == "0000000000000007");
  CHECK(list[1]["spanId"] == "0000000000000001");
}

TEST_CASE("ids are hexadecimal, times are text, enumerations are numbers") {
  const Json json = json_of(server());
  CHECK(json["traceId"] == "0af7651916cd43dd8448eb211c80319c");
  CHECK(json["spanId"] == "0000000000000001");
  CHECK(json["parentSpanId"] == "0000000000000002");
  CHECK(json["startTimeUnixNano"] == "1700000000000000001");
  CHECK(json["endTimeUnixNano"] == "1700000000000000002");
  CHECK(json["kind"] == 2);
  CHECK(json_of(client())["kind"] == 3);
  CHECK_FALSE(json.contains("status"));
  CHECK_FALSE(json.contains("traceState"));
  Span root = server();
  root.parent = 0;
  root.state = "a=1";
  CHECK_FALSE(json_of(root).contains("parentSpanId"));
  CHECK(json_of(root)["traceState"] == "a=1");
}

TEST_CASE("names are few") {
  Span span = server();
  CHECK(json_of(span)["name"] == "GET shop");
  CHECK(json_of(client())["name"] == "GET app");
  span.route = "";
  CHECK(json_of(span)["name"] == "GET");
  span.method = "WHATEVER-THE-CLIENT-SAID";
  CHECK(json_of(span)["name"] == "HTTP");
  CHECK(attribute(span, "http.request.method") == "_OTHER");
  CHECK(attribute(span, "http.request.method_original") == "WHATEVER-THE-CLIENT-SAID");
}

TEST_CASE("a wait in the queue is told, in milliseconds, where there was one") {
  Span span = server();
  CHECK_FALSE(json_of(span)["attributes"].dump().contains("weir.queued_ms"));
  span.queued_ns = 1'500'000;
  CHECK(
      json_of(span)["attributes"].dump().contains(R"({"key":"weir.queued_ms","value":{"doubleValue":1.5}})"));
  span.kind = Span::Kind::client;
  CHECK_FALSE(json_of(span)["attributes"].dump().contains("weir.queued_ms"));
}

TEST_CASE("where a server span was asked") {
  Span span = server();
  const auto address = [&span](const char* host) {
    span.host = host;
    return attribute(span, "server.address") + " " + attribute(span, "server.port");
  };
  CHECK(address("a.test") == "a.test ");
  CHECK(address("a.test:8080") == "a.test 8080");
  CHECK(address("[::1]:8080") == "::1 8080");
  CHECK(address("[::1]") == "::1 ");
  CHECK(address("a.test:") == "a.test ");
  CHECK(address("") == " ");
  CHECK(address("a b, c") == " ");
}

TEST_CASE("where a client span went") {
  Span span = client();
  const auto where = [&span](const char* node) {
    span.node = node;
    return attribute(span, "server.address") + " " + attribute(span, "server.port") + " " +
           attribute(span, "url.full");
  };
  CHECK(where("10.0.0.1:80") == "10.0.0.1 80 http://10.0.0.1:80/p?q=1");
  CHECK(where("[::1]:81") == "::1 81 http://[::1]:81/p?q=1");
  CHECK(where("unix:/run/app.sock") == "/run/app.sock  http://localhost/p?q=1");
}

TEST_CASE("the path and the query stand apart, and secrets stay here") {
  Span span = server();
  const auto url = [&span](const char* target) {
    span.target = target;
    return attribute(span, "url.path") + " " + attribute(span, "url.query");
  };
  CHECK(url("/a/b") == "/a/b ");
  CHECK(url("/a?") == "/a ");
  CHECK(url("/a?b?c") == "/a b?c");
  CHECK(url("*") == "* ");
  CHECK(url("/?sig=1") == "/ sig=REDACTED");
  CHECK(url("/?a=1&sig=x=y&b&Signature=&AWSAccessKeyId=k&X-Goog-Signature=g&&") ==
        "/ a=1&sig=REDACTED&b&Signature=REDACTED&AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED&&");
  CHECK(url("/?SIG=1&sig&asig=1") == "/ SIG=1&sig&asig=1");
}

TEST_CASE("what counts as an error, on either side") {
  using base::Reason;
  struct Case {
    int status;
    Reason reason;
    const char *server, *client;
  };
  const Case cases[] = {{200, Reason::none, "", ""},
                        {101, Reason::none, "", ""},
                        {304, Reason::none, "", ""},
                        {404, Reason::none, "", "404"},
                        {500, Reason::none, "500", "500"},
                        {404, Reason::no_route, "", "no_route"},
                        {408, Reason::client_timeout, "", "client_timeout"},
                        {502, Reason::upstream_bad, "upstream_bad", "upstream_bad"},
                        {200, Reason::upstream_truncated, "upstream_truncated", "upstream_truncated"},
                        {200, Reason::client_gone, "client_gone", "client_gone"},
                        {0, Reason::client_gone, "client_gone", "client_gone"}};
  for (const Case& each : cases) {
    INFO(each.status << " " << word(each.reason));
    for (Span span : {server(), client()}) {
      const std::string expected = span.kind == Span::Kind::server ? each.server : each.client;
      span.status = each.status;
      span.reason = each.reason;
      span.detail = "in words";
      const Json json = json_of(span);
      CHECK(attribute(json, "error.type") == expected);
      CHECK(attribute(json, "weir.reason") == (each.reason == Reason::none ? "" : word(each.reason)));
      CHECK(attribute(json, "http.response.status_code") ==
            (each.status > 0 ? std::to_string(each.status) : ""));
      CHECK(json.contains("status") == !expected.empty());
      if (!expected.empty()) CHECK(json["status"].dump() == R"({"code":2,"message":"in words"})");
    }
  }
}

TEST_CASE("only a repeated attempt says how often it was sent before") {
  Span span = client();
  CHECK(attribute(span, "http.request.resend_count").empty());
  span.attempt = 3;
  CHECK(attribute(span, "http.request.resend_count") == "2");
}

TEST_CASE("any bytes make valid JSON") {
  Span span = server();
  for (int c = 0; c < 256; ++c) span.user_agent += static_cast<char>(c);
  span.target = "/\xf0\x9f";  // a character that was cut
  const std::string agent = attribute(span, "user_agent.original");
  CHECK(agent.starts_with(std::string_view("\0\x01", 2)));
  CHECK(agent.ends_with("\xef\xbf\xbd"));
  CHECK(attribute(span, "url.path") == "/\xef\xbf\xbd");
}

TEST_CASE("what a collector says of an export") {
  const auto rejected = [](std::string_view body) { return parse_otlp_answer(body).rejected_spans; };
  CHECK(rejected(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}})") == 3);
  CHECK(rejected(R"({"partialSuccess":{"rejectedSpans":3}})") == 3);
  CHECK(parse_otlp_answer(R"({"partialSuccess":{"errorMessage":"no"}})").message == "no");
  for (std::string_view body :
       {"", "{}", "null", "nonsense", "[]", "{\"partialSuccess\":[]}", "{\"partialSuccess\":{}}",
        "{\"partialSuccess\":{\"rejectedSpans\":-1}}", "{\"partialSuccess\":{\"rejectedSpans\":\"x\"}}",
        "{\"partialSuccess\":{\"rejectedSpans\":1.5,\"errorMessage\":1}}"}) {
    INFO(body);
    CHECK(rejected(body) == 0);
    CHECK(parse_otlp_answer(body).message.empty());
  }
  CHECK(rejected(std::string(60'000, '[')) == 0);
}

}  // namespace weir::observe
