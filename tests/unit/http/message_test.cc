// Methods and what RFC 9110 9.2 says of them; messages that are used again.
#include "proxy/http/message.h"

#include "tests/unit/catch.h"

using namespace weir::http;

TEST_CASE("methods are told apart by their exact letters") {
  CHECK(method_of("GET") == Method::get);
  CHECK(method_of("HEAD") == Method::head);
  CHECK(method_of("POST") == Method::post);
  CHECK(method_of("PUT") == Method::put);
  CHECK(method_of("DELETE") == Method::del);
  CHECK(method_of("CONNECT") == Method::connect);
  CHECK(method_of("OPTIONS") == Method::options);
  CHECK(method_of("TRACE") == Method::trace);
  CHECK(method_of("PATCH") == Method::patch);
  for (std::string_view other : {"", "get", "Get", "GETT", "PROPFIND"})
    CHECK(method_of(other) == Method::other);
}

TEST_CASE("safe and idempotent methods") {
  using enum Method;
  for (Method method : {get, head, options, trace}) CHECK((is_safe(method) && is_idempotent(method)));
  for (Method method : {put, del}) CHECK((!is_safe(method) && is_idempotent(method)));
  for (Method method : {post, patch, connect, other}) CHECK((!is_safe(method) && !is_idempotent(method)));
}

TEST_CASE("a cleared message is as a new one") {
  Request request;
  request.method = Method::post;
  request.version = Version::http10;
  request.length = {BodyLength::Kind::bytes, 5};
  request.expects_continue = request.accepts_trailers = true;
  request.method_text = request.scheme = request.authority = request.target = request.upgrade = "x";
  request.fields.add("X-A", "1");
  request.clear();
  CHECK(request.method == Method::get);
  CHECK(request.version == Version::http11);
  CHECK(request.length.kind == BodyLength::Kind::none);
  CHECK(request.length.bytes == 0);
  CHECK_FALSE((request.expects_continue || request.accepts_trailers));
  CHECK(
      (request.method_text + request.scheme + request.authority + request.target + request.upgrade).empty());
  CHECK(request.fields.empty());
  Response response;
  response.status = 200;
  response.reason_phrase = response.upgrade = "x";
  response.length = {BodyLength::Kind::unknown, 0};
  response.fields.add("X-A", "1");
  response.clear();
  CHECK(response.status == 0);
  CHECK(response.length.kind == BodyLength::Kind::none);
  CHECK((response.reason_phrase + response.upgrade).empty());
  CHECK(response.fields.empty());
}

TEST_CASE("a swap exchanges all that a request holds") {
  Request one, other;
  one.method = Method::post;
  one.version = Version::http10;
  one.length = {BodyLength::Kind::bytes, 5};
  one.expects_continue = true;
  one.accepts_trailers = true;
  one.method_text = "POST";
  one.scheme = "http";
  one.authority = "a.test";
  one.target = "/";
  one.upgrade = "websocket";
  one.fields.add("Via", "1");
  other.target = "/a/path/that/is/longer/than/a/short/string";
  one.swap(other);
  CHECK(one.target == "/a/path/that/is/longer/than/a/short/string");
  CHECK((one.method_text + one.scheme + one.authority + one.upgrade).empty());
  CHECK((one.method == Method::get && one.version == Version::http11));
  CHECK_FALSE((one.expects_continue || one.accepts_trailers));
  CHECK((one.length.kind == BodyLength::Kind::none && one.length.bytes == 0));
  CHECK((one.fields.empty() && !one.fields.has(FieldId::via)));
  CHECK((other.method == Method::post && other.version == Version::http10));
  CHECK((other.expects_continue && other.accepts_trailers));
  CHECK((other.length.kind == BodyLength::Kind::bytes && other.length.bytes == 5));
  CHECK(other.method_text + other.scheme + other.authority + other.target + other.upgrade ==
        "POSThttpa.test/websocket");
  CHECK((other.fields.size() == 1 && other.fields.get(FieldId::via) == "1"));
}

TEST_CASE("interim responses are 1xx but 101") {
  Response response;
  for (auto [status, interim] : {std::pair(100, true), std::pair(103, true), std::pair(199, true),
                                 std::pair(101, false), std::pair(200, false)}) {
    response.status = status;
    CHECK(response.interim() == interim);
  }
}
