// The key of consistent-hash: what counts as it, and what it falls back to.
#include "proxy/policy/affinity.h"

#include "balancer/hash.h"
#include "tests/unit/catch.h"

using namespace weir;
using config::HashSource;

namespace {

const io::Ip kClient = *io::Ip::parse("1.2.3.4");

http::Request request(std::string_view target, std::string_view field = "", std::string_view value = "") {
  http::Request made;
  made.target = target;
  made.authority = "a.test";
  if (!field.empty()) made.fields.add(field, value);
  return made;
}

std::uint64_t key(HashSource source, std::string name, const http::Request& made) {
  return policy::affinity({source, std::move(name)}, made, kClient);
}

const std::uint64_t kByClient = key(HashSource::client_ip, "", request("/"));

std::uint64_t cookie(std::string_view value) {
  return key(HashSource::cookie, "sid", request("/", "Cookie", value));
}
std::uint64_t query(std::string_view target) {
  return key(HashSource::query, "id", request(target));
}

}  // namespace

TEST_CASE("by client: its address and nothing else") {
  CHECK(key(HashSource::client_ip, "", request("/other")) == kByClient);
  CHECK(policy::affinity({HashSource::client_ip, ""}, request("/"), *io::Ip::parse("1.2.3.5")) != kByClient);
  CHECK(policy::affinity({HashSource::client_ip, ""}, request("/"), *io::Ip::parse("::ffff:1.2.3.4")) ==
        kByClient);
}

TEST_CASE("by path: without the query") {
  CHECK(key(HashSource::path, "", request("/a?x=1")) == balancer::hash("/a"));
  CHECK(key(HashSource::path, "", request("/a")) == balancer::hash("/a"));
  CHECK(key(HashSource::path, "", request("/b")) != balancer::hash("/a"));
}

TEST_CASE("by header: any case, Host is the authority, a missing one is the client") {
  CHECK(key(HashSource::header, "X-User", request("/", "x-user", "me")) == balancer::hash("me"));
  CHECK(key(HashSource::header, "host", request("/")) == balancer::hash("a.test"));
  CHECK(key(HashSource::header, "X-User", request("/", "X-User", "")) == balancer::hash(""));
  CHECK(key(HashSource::header, "X-User", request("/")) == kByClient);
}

TEST_CASE("by cookie: whole names, the first of them") {
  CHECK(cookie("sid=1") == balancer::hash("1"));
  CHECK(cookie("a=b; sid=1; sid=2") == balancer::hash("1"));
  CHECK(cookie("xsid=1;\tsid=2=3") == balancer::hash("2=3"));
  CHECK(cookie("sid=") == balancer::hash(""));
  for (std::string_view none : {"", "sid", "SID=1", "xsid=1", "sidx=1", "a=sid=1", ";;;"})
    CHECK(cookie(none) == kByClient);
  http::Request two = request("/", "Cookie", "a=b");
  two.fields.add("Cookie", "sid=3");
  CHECK(key(HashSource::cookie, "sid", two) == balancer::hash("3"));
}

TEST_CASE("by query parameter: whole names, the first of them") {
  CHECK(query("/?id=1") == balancer::hash("1"));
  CHECK(query("/?a=b&id=1&id=2") == balancer::hash("1"));
  CHECK(query("/?x=?&id=1?") == balancer::hash("1?"));
  for (std::string_view none : {"/", "/?", "/?id", "/?xid=1", "/?idx=1", "/id=1", "/?ID=1"})
    CHECK(query(none) == kByClient);
}
