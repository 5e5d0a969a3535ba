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

TEST_CASE("a request taken is whole") {
  const std::string path = "/a/path/that/is/longer/than/a/short/string";
  Request from;
  from.method = Method::post;
  from.version = Version::http10;
  from.length = {BodyLength::Kind::bytes, 5};
  from.expects_continue = from.accepts_trailers = true;
  from.method_text = "POST";
  from.scheme = "http";
  from.authority = "a.test";
  from.target = path;
  from.upgrade = "websocket";
  from.fields.add("Via", "1");
  Request to;
  to.target = "/old";
  to.fields.add("Age", "2");
  to.take(from);
  CHECK((to.method == Method::post && to.version == Version::http10));
  CHECK((to.expects_continue && to.accepts_trailers));
  CHECK((to.length.kind == BodyLength::Kind::bytes && to.length.bytes == 5));
  CHECK(to.method_text + to.scheme + to.authority + to.target + to.upgrade ==
        "POSThttpa.test" + path + "websocket");
  CHECK((to.fields.size() == 1 && to.fields.get(FieldId::via) == "1"));
}

TEST_CASE("interim responses are 1xx but 101") {
  Response response;
  for (auto [status, interim] : {std::pair(100, true), std::pair(103, true), std::pair(199, true),
                                 std::pair(101, false), std::pair(200, false)}) {
    response.status = status;
    CHECK(response.interim() == interim);
  }
}
