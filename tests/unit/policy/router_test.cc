// The router against a matcher that does what the documentation says, one route after the other.
#include "proxy/policy/router.h"

#include <random>

#include "tests/unit/catch.h"
#include "tests/unit/policy/naive_router.h"

using weir::config::Route;
using weir::policy::Router;

namespace {

struct Rule {
  std::string host, path;
};

std::vector<Route> routes_of(const std::vector<Rule>& rules) {
  std::vector<Route> routes;
  for (const Rule& rule : rules) {
    Route route;
    route.match = {rule.host, rule.path};
    routes.push_back(route);
  }
  return routes;
}

// The index of the route, or -1.
int ask(const Router& router, std::string_view host, std::string_view path) {
  const auto found = router.route(host, path);
  return found ? static_cast<int>(*found) : -1;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(engine_);
  }
  template <std::size_t N>
  std::string one_of(const char* const (&words)[N]) {
    return words[below(N)];
  }

  std::string host() {
    static constexpr const char* kLabels[] = {"a", "b", "api", "www"};
    static constexpr const char* kEnds[] = {"example.com", "example.org", "com", "a.b"};
    std::string text = one_of(kEnds);
    for (std::size_t labels = below(3); labels > 0; --labels) text = one_of(kLabels) + "." + text;
    return text;
  }
  std::string path() {
    static constexpr const char* kParts[] = {"/", "/v1", "a", "/a", "b", "/static/", "x/"};
    std::string text = "/";
    for (std::size_t parts = below(5); parts > 0; --parts) text += one_of(kParts);
    return text;
  }
  std::string pattern() {
    const std::size_t kind = below(5);
    if (kind == 0) return "";
    return kind <= 2 ? host() : "*." + host();
  }

 private:
  std::mt19937 engine_;
};

}  // namespace

TEST_CASE("the first route that matches wins, not the best one") {
  const Router router(routes_of({{"", "/v1/"}, {"a.com", "/v1/users"}, {"a.com", ""}, {"", "/"}}));
  CHECK(ask(router, "a.com", "/v1/users") == 0);
  CHECK(ask(router, "a.com", "/v1") == 2);
  CHECK(ask(router, "b.com", "/v1") == 3);
}

TEST_CASE("a path prefix is one of bytes") {
  const Router router(routes_of({{"", "/v1/"}, {"", "/v1"}}));
  CHECK(ask(router, "h", "/v1/x") == 0);
  CHECK(ask(router, "h", "/v1") == 1);
  CHECK(ask(router, "h", "/v1x") == 1);
  CHECK(ask(router, "h", "/V1") == -1);
  CHECK(ask(router, "h", "/v") == -1);
}

TEST_CASE("hosts match in any case, without port and root dot") {
  const Router router(routes_of({{"api.example.com", ""}, {"[::1]", ""}}));
  for (const char* host : {"api.example.com", "API.Example.COM", "api.example.com:8080", "api.example.com.",
                           "api.example.com.:1", "api.example.com:"})
    CHECK(ask(router, host, "/") == 0);
  for (const char* host : {"example.com", "xapi.example.com", "api.example.com..", "", "api.example.co"})
    CHECK(ask(router, host, "/") == -1);
  CHECK(ask(router, "[::1]:80", "/") == 1);
}

TEST_CASE("a wildcard takes every label below its suffix, not the suffix") {
  const Router router(routes_of({{"*.example.com", ""}}));
  CHECK(ask(router, "a.example.com", "/") == 0);
  CHECK(ask(router, "A.B.EXAMPLE.com:1", "/") == 0);
  CHECK(ask(router, "example.com", "/") == -1);
  CHECK(ask(router, ".example.com", "/") == -1);
  CHECK(ask(router, "aexample.com", "/") == -1);
}

TEST_CASE("without a host only routes of any host match, and * only those of any path") {
  const Router router(routes_of({{"a.com", ""}, {"", "/"}, {"", ""}}));
  CHECK(ask(router, "", "/x") == 1);
  CHECK(ask(router, "b.com", "*") == 2);
  CHECK(ask(Router(routes_of({})), "a.com", "/") == -1);
}

TEST_CASE("any routes and requests: the router agrees with the plain matcher") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Random random(seed);
    std::vector<Rule> rules(1 + random.below(60));
    for (Rule& rule : rules) rule = {random.pattern(), random.below(4) == 0 ? "" : random.path()};
    const auto routes = routes_of(rules);
    const Router router(routes);
    for (int i = 0; i < 300; ++i) {
      std::string host = random.host(), path = random.path();
      if (random.below(4) == 0) host += ":8080";
      if (random.below(8) == 0) host[0] = 'A';
      INFO("seed " << seed << ", host " << host << ", path " << path);
      REQUIRE(ask(router, host, path) == weir::policy::naive_route(routes, host, path));
    }
  }
}
