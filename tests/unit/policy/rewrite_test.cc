// What is added to forwarded heads, what is believed of a client, and who the client is.
#include "proxy/policy/rewrite.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using http::FieldId;

namespace {

io::Ip ip(std::string_view text) {
  return *io::Ip::parse(text);
}

const std::vector<io::IpPrefix> kTrusted = {*io::IpPrefix::parse("10.0.0.0/8"), *io::IpPrefix::parse("::1")};

http::Request request() {
  http::Request made;
  made.authority = "a.test";
  return made;
}

std::string fields(const http::Request& made) {
  std::string text;
  made.fields.for_each([&](const http::Field& field) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  });
  return text;
}

std::string client(std::vector<std::string> forwarded_for, std::string_view peer) {
  http::Request made = request();
  for (const std::string& value : forwarded_for) made.fields.add("X-Forwarded-For", value);
  return client_of(made, ip(peer), kTrusted).text();
}

}  // namespace

TEST_CASE("trust is by network") {
  CHECK(trust_of(ip("10.1.2.3"), kTrusted) == Trust::proxy);
  CHECK(trust_of(ip("::ffff:10.1.2.3"), kTrusted) == Trust::proxy);
  CHECK(trust_of(ip("::1"), kTrusted) == Trust::proxy);
  CHECK(trust_of(ip("11.1.2.3"), kTrusted) == Trust::none);
  CHECK(trust_of(ip("::2"), kTrusted) == Trust::none);
  CHECK(trust_of(io::Ip{}, kTrusted) == Trust::none);
  CHECK(trust_of(ip("10.1.2.3"), {}) == Trust::none);
}

TEST_CASE("peers on unix sockets are trusted by their own word alone") {
  const std::vector<io::IpPrefix> with_unix = {*io::IpPrefix::parse("10.0.0.0/8"),
                                               *io::IpPrefix::parse("unix")};
  const std::vector<io::IpPrefix> any_address = {*io::IpPrefix::parse("0.0.0.0/0"),
                                                 *io::IpPrefix::parse("::/0")};
  CHECK(trust_of(io::Ip{}, with_unix) == Trust::proxy);
  CHECK(trust_of(io::Ip{}, any_address) == Trust::none);
  CHECK(trust_of(ip("11.1.2.3"), with_unix) == Trust::none);
  const auto client = [&](std::string_view forwarded_for, std::span<const io::IpPrefix> trusted) {
    http::Request made = request();
    made.fields.add("X-Forwarded-For", forwarded_for);
    return client_of(made, io::Ip{}, trusted).text();
  };
  CHECK(client("9.9.9.9", with_unix) == "9.9.9.9");
  CHECK(client("9.9.9.9", any_address).empty());
  CHECK(client("9.9.9.9, unix:, 10.0.0.2", with_unix) == "9.9.9.9");
  CHECK(client("unix:, 10.0.0.2", with_unix).empty());
}

TEST_CASE("the client is the last address that is not a trusted proxy's") {
  CHECK(client({}, "1.1.1.1") == "1.1.1.1");
  CHECK(client({"9.9.9.9"}, "1.1.1.1") == "1.1.1.1");  // an untrusted peer may say what it likes
  CHECK(client({"9.9.9.9"}, "10.0.0.1") == "9.9.9.9");
  CHECK(client({"8.8.8.8, 9.9.9.9, 10.0.0.2"}, "10.0.0.1") == "9.9.9.9");
  CHECK(client({"8.8.8.8", "9.9.9.9", "10.0.0.2"}, "10.0.0.1") == "9.9.9.9");
  CHECK(client({"10.0.0.3 ,\t10.0.0.2"}, "10.0.0.1") == "10.0.0.3");
  CHECK(client({"9.9.9.9, unknown"}, "10.0.0.1") == "10.0.0.1");
  CHECK(client({"9.9.9.9, unix:, 10.0.0.2"}, "10.0.0.1") == "10.0.0.2");
  CHECK(client({"2001:db8::1"}, "::1") == "2001:db8::1");
  CHECK(client({""}, "10.0.0.1") == "10.0.0.1");
  CHECK(client({",9.9.9.9"}, "10.0.0.1") == "9.9.9.9");
  CHECK(client({",10.0.0.2"}, "10.0.0.1") == "10.0.0.2");
}

TEST_CASE("the client's address may have a port behind it") {
  CHECK(client({"8.8.8.8:4711"}, "10.0.0.1") == "8.8.8.8");
  CHECK(client({"[2001:db8::1]:443"}, "10.0.0.1") == "2001:db8::1");
  CHECK(client({"[2001:db8::1]"}, "10.0.0.1") == "2001:db8::1");
  CHECK(client({"2001:db8::1"}, "10.0.0.1") == "2001:db8::1");
  CHECK(client({"8.8.8.8:1, 10.0.0.2:80"}, "10.0.0.1") == "8.8.8.8");
  for (const char* none : {"8.8.8.8:", "8.8.8.8:x", "8.8.8.8:123456", "[2001:db8::1", "[2001:db8::1]:", "[]",
                           "[", ":80", "]:80", "[8.8.8.8:80"})
    CHECK(client({none}, "10.0.0.1") == "10.0.0.1");
}

TEST_CASE("what a stranger says of itself is replaced") {
  http::Request made = request();
  made.fields.add("X-Forwarded-For", "9.9.9.9");
  made.fields.add("X-Forwarded-For", "8.8.8.8");
  made.fields.add("X-Forwarded-Proto", "https");
  made.fields.add("X-Forwarded-Host", "evil.test");
  made.fields.add("Forwarded", "for=9.9.9.9");
  made.fields.add("X-Request-Id", "theirs");
  made.fields.add("X-Forwarded-Port", "443");
  made.fields.add("X_Forwarded_For", "9.9.9.9");
  made.fields.add("x-real-ip", "9.9.9.9");
  made.fields.add("X-Kept", "1");
  forward(made, {ip("1.1.1.1"), Trust::none, "http", "ours"});
  CHECK(fields(made) ==
        "X-Kept: 1\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-Proto: http\nX-Forwarded-Host: a.test\nVia: 1.1 "
        "weir\nX-Request-Id: ours\n");
}

TEST_CASE("what a trusted proxy says is kept, and its address added") {
  http::Request made = request();
  made.version = http::Version::http10;
  made.fields.add("X-Forwarded-For", "9.9.9.9");
  made.fields.add("Via", "2 a");
  made.fields.add("X-Forwarded-For", "8.8.8.8");
  made.fields.add("Via", "1.1 b");
  made.fields.add("X-Forwarded-Proto", "https");
  made.fields.add("X-Forwarded-Host", "outer.test");
  made.fields.add("Forwarded", "for=9.9.9.9");
  made.fields.add("X-Request-Id", "theirs");
  made.fields.add("X-Forwarded-Port", "443");
  forward(made, {ip("10.0.0.1"), Trust::proxy, "http", "ours"});
  CHECK(made.fields.get("X-Forwarded-Port") == "443");
  CHECK(made.fields.get(FieldId::x_forwarded_for) == "9.9.9.9, 8.8.8.8, 10.0.0.1");
  CHECK_FALSE(made.fields.repeated(FieldId::x_forwarded_for));
  CHECK(made.fields.get(FieldId::x_forwarded_proto) == "https");
  CHECK(made.fields.get(FieldId::x_forwarded_host) == "outer.test");
  CHECK(made.fields.get(FieldId::forwarded) == "for=9.9.9.9");
  CHECK(made.fields.get(FieldId::x_request_id) == "theirs");
  CHECK(made.fields.get(FieldId::via) == "2 a, 1.1 b, 1.0 weir");
  CHECK_FALSE(made.fields.repeated(FieldId::via));
}

TEST_CASE("a trusted proxy's target names the client's scheme where X-Forwarded-Proto does not") {
  const auto proto = [](Trust trust, std::string_view target, std::string_view said) {
    http::Request made = request();
    made.scheme = target;
    if (!said.empty()) made.fields.add("X-Forwarded-Proto", said);
    forward(made, {ip("10.0.0.1"), trust, "http", "ours"});
    return std::string(*made.fields.get(FieldId::x_forwarded_proto));
  };
  CHECK(proto(Trust::proxy, "https", "") == "https");
  CHECK(proto(Trust::proxy, "https", "http") == "http");
  CHECK(proto(Trust::proxy, "http", "https") == "https");
  CHECK(proto(Trust::proxy, "", "") == "http");
  CHECK(proto(Trust::none, "https", "https") == "http");
}

TEST_CASE("of a trusted proxy's request ids the first that says anything goes on alone, if it is fit to") {
  const auto ids = [](std::vector<std::string> given) {
    http::Request made = request();
    for (const std::string& id : given) made.fields.add("X-Request-Id", id);
    forward(made, {ip("10.0.0.1"), Trust::proxy, "http", "ours"});
    CHECK(made.fields.has(FieldId::x_request_id));
    CHECK_FALSE(made.fields.repeated(FieldId::x_request_id));
    return std::string(*made.fields.get(FieldId::x_request_id));
  };
  CHECK(ids({}) == "ours");
  CHECK(ids({""}) == "ours");
  CHECK(ids({"a", "b"}) == "a");
  CHECK(ids({"", "b", "c"}) == "b");
  CHECK(ids({std::string(128, '~')}) == std::string(128, '~'));
  CHECK(ids({std::string(129, 'a')}) == "ours");
  for (std::string_view bad : {"a b", "a\tb", "\xc3\xa9", "a\x7f"})
    CHECK(ids({std::string(bad), "b"}) == "ours");
}

TEST_CASE("what a trusted proxy does not say is filled in") {
  http::Request made = request();
  made.authority.clear();
  made.fields.add("X-Forwarded-For", "");
  forward(made, {ip("10.0.0.1"), Trust::proxy, "http", "ours"});
  CHECK(fields(made) ==
        "X-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: http\nVia: 1.1 weir\nX-Request-Id: ours\n");
}

TEST_CASE("a unix socket's peer has a word in place of an address") {
  http::Request made = request();
  forward(made, {io::Ip{}, Trust::none, "http", "ours"});
  CHECK(made.fields.get(FieldId::x_forwarded_for) == "unix:");
}

TEST_CASE("a response without Date gets one") {
  http::Response response;
  forward(response, "Tue, 15 Nov 1994 08:12:31 GMT");
  forward(response, "another");
  CHECK(response.fields.get(FieldId::date) == "Tue, 15 Nov 1994 08:12:31 GMT");
  CHECK_FALSE(response.fields.repeated(FieldId::date));
}

TEST_CASE("what is said of a client's certificate is Weir's word alone") {
  const io::Identity identity{"CN=a", "0123"};
  for (const Trust trust : {Trust::none, Trust::proxy})
    for (const io::Identity* proven : {static_cast<const io::Identity*>(nullptr), &identity}) {
      http::Request made = request();
      made.fields.add("X-Client-Cert-Subject", "forged");
      made.fields.add("X_CLIENT_CERT_FINGERPRINT", "forged");
      made.fields.add("X-Client-Cert-Subject", "forged");
      made.fields.add("X-Client-Cert-Chain", "kept");
      forward(made, {ip("10.0.0.1"), trust, "https", "id", proven});
      const std::string text = fields(made);
      CHECK(text.find("forged") == std::string::npos);
      CHECK(text.find("X-Client-Cert-Chain: kept\n") != std::string::npos);
      CHECK(made.fields.get("X-Client-Cert-Subject") ==
            (proven ? std::optional<std::string_view>("CN=a") : std::nullopt));
      CHECK(made.fields.get("X-Client-Cert-Fingerprint") ==
            (proven ? std::optional<std::string_view>("0123") : std::nullopt));
    }
}

TEST_CASE("a certificate without a subject that can be told has its fingerprint") {
  const io::Identity identity{"", "0123"};
  http::Request made = request();
  made.fields.add("X-Client-Cert-Subject", "forged");
  forward(made, {ip("10.0.0.1"), Trust::proxy, "https", "id", &identity});
  CHECK_FALSE(made.fields.get("X-Client-Cert-Subject"));
  CHECK(made.fields.get("X-Client-Cert-Fingerprint") == "0123");
}
