// Which requests are sent to https, and where; what browsers are told.
#include "proxy/policy/https_only.h"

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using http::FieldId;

namespace {

http::Request asked(std::string_view authority, std::string_view target = "/") {
  http::Request made;
  made.authority = authority;
  made.target = target;
  return made;
}

bool is_sent(std::string_view forwarded_proto, std::string_view target = "/") {
  http::Request made = asked("a.test", target);
  if (!forwarded_proto.empty()) made.fields.add(FieldId::x_forwarded_proto, forwarded_proto);
  return is_for_https(made);
}

}  // namespace

TEST_CASE("requests that came in clear are for https, but for an authority's challenges") {
  CHECK(is_sent("http"));
  CHECK(is_sent(""));
  CHECK(is_sent("ftp"));
  CHECK(is_sent("http, https"));  // the client's is the first
  CHECK(is_sent("httpss"));
  CHECK_FALSE(is_sent("https"));
  CHECK_FALSE(is_sent("HTTPS"));
  CHECK_FALSE(is_sent(" https , http"));
  CHECK_FALSE(is_sent("http", "/.well-known/acme-challenge/token"));
  CHECK(is_sent("http", "/.well-known/acme-challenge"));
  CHECK(is_sent("http", "/x/.well-known/acme-challenge/token"));
}

TEST_CASE("they are sent to the same place, at the port of TLS") {
  CHECK(https_location(asked("a.test", "/x?y=z"), 443) == "https://a.test/x?y=z");
  CHECK(https_location(asked("a.test:8080", "//b.test/"), 443) == "https://a.test//b.test/");
  CHECK(https_location(asked("a.test:8080", "/x"), 8443) == "https://a.test:8443/x");
  CHECK(https_location(asked("[::1]:80", "/"), 8443) == "https://[::1]:8443/");
  CHECK(https_location(asked("[::1]", "/"), 443) == "https://[::1]/");
  CHECK(https_location(asked("a.test", "*"), 443) == "https://a.test/");
}

TEST_CASE("what browsers are told") {
  CHECK(strict_transport_security({}) == "max-age=31536000");
  CHECK(strict_transport_security({std::chrono::seconds(0), true, false}) == "max-age=0; includeSubDomains");
  CHECK(strict_transport_security({std::chrono::hours(48), true, true}) ==
        "max-age=172800; includeSubDomains; preload");
}
