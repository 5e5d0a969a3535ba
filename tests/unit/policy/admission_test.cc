// Who may come in, and by which keys requests are counted.
#include "proxy/policy/admission.h"

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using namespace std::chrono_literals;

namespace {

io::Ip ip(std::string_view text) {
  return text == "unix" ? io::Ip{} : *io::Ip::parse(text);
}

io::IpPrefix net(std::string_view text) {
  return *io::IpPrefix::parse(text);
}

struct Keyed {
  explicit Keyed(config::HashKey key = {}) : rule(made(std::move(key)), "route a") {}

  static config::RateLimit made(config::HashKey key) {
    config::RateLimit limit;
    limit.requests = 60;
    limit.per = 1min;
    limit.burst = 5;
    limit.key = std::move(key);
    return limit;
  }
  std::pair<std::uint64_t, std::string> of(std::string_view client) const {
    const RateKey key(rule, request, ip(client));
    return {key.limit(), std::string(key.text())};
  }

  RateRule rule;
  http::Request request;
};

}  // namespace

TEST_CASE("deny comes before allow, and allow leaves the others out") {
  const config::Access open{};
  CHECK(permits(open, ip("192.0.2.1")));
  CHECK(permits(open, ip("unix")));
  const config::Access denying{{}, {net("192.0.2.0/24"), net("2001:db8::/32")}};
  CHECK_FALSE(permits(denying, ip("192.0.2.1")));
  CHECK_FALSE(permits(denying, ip("2001:db8::5")));
  CHECK(permits(denying, ip("198.51.100.1")));
  CHECK(permits(denying, ip("unix")));
  const config::Access both{{net("10.0.0.0/8"), net("unix")}, {net("10.6.0.0/16")}};
  CHECK(permits(both, ip("10.5.0.1")));
  CHECK(permits(both, ip("unix")));
  CHECK_FALSE(permits(both, ip("10.6.0.1")));
  CHECK_FALSE(permits(both, ip("192.0.2.1")));
}

TEST_CASE("addresses of one network are one key") {
  Keyed keyed;
  CHECK(keyed.of("192.0.2.1") == keyed.of("192.0.2.1"));
  CHECK(keyed.of("192.0.2.1") != keyed.of("192.0.2.2"));
  CHECK(keyed.of("2001:db8:0:1::1") == keyed.of("2001:db8:0:1:ffff::2"));
  CHECK(keyed.of("2001:db8:0:1::1") != keyed.of("2001:db8:0:2::1"));
  keyed.rule.limit.ipv4_prefix = 20;
  CHECK(keyed.of("192.0.16.1") == keyed.of("192.0.31.255"));
  CHECK(keyed.of("192.0.15.1") != keyed.of("192.0.16.1"));
}

TEST_CASE("a request without the field goes by its client, apart from what a field could say") {
  Keyed keyed({config::HashSource::header, "x-api-key"});
  const auto [limit, text] = keyed.of("192.0.2.1");
  CHECK(keyed.of("192.0.2.2") != std::pair(limit, text));
  keyed.request.fields.add("X-Api-Key", "alpha");
  CHECK(keyed.of("192.0.2.1") == std::pair(keyed.rule.id, std::string("alpha")));
  CHECK(keyed.of("192.0.2.1") == keyed.of("192.0.2.2"));
  keyed.request.fields.set("X-Api-Key", text);
  CHECK(keyed.of("192.0.2.1") != std::pair(limit, text));
}

TEST_CASE("the answer says when to come again, in whole seconds and never at once") {
  const Keyed keyed;
  CHECK(keyed.rule.pace.interval == 1s);
  http::Fields fields;
  describe(keyed.rule, {.admitted = false, .left = 0, .wait = 1200ms, .renewal = 4100ms}, fields);
  CHECK(fields.get("Retry-After") == "2");
  CHECK(fields.get("RateLimit-Policy") == R"("requests";q=60;w=60)");
  CHECK(fields.get("RateLimit") == R"("requests";r=0;t=5)");
  describe(keyed.rule, {.admitted = false, .left = 0, .wait = 0ms, .renewal = 0ms}, fields);
  CHECK(fields.get("Retry-After") == "1");
}

TEST_CASE("nothing is made of no rules") {
  CHECK(make_admission({}, std::nullopt, "route a") == nullptr);
  CHECK(make_admission({{net("10.0.0.0/8")}, {}}, std::nullopt, "route a") != nullptr);
  const auto one = make_admission({}, Keyed::made({}), "route a");
  const auto other = make_admission({}, Keyed::made({}), "listener a");
  CHECK(one->rate->id != other->rate->id);
}
