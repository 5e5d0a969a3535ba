// What another configuration changes, as an operator reads it.
#include "proxy/config/diff.h"

#include "proxy/config/read.h"
#include "tests/unit/catch.h"

using namespace weir;

namespace {

constexpr std::string_view kBefore = R"(
pools:
  app:
    nodes: [10.0.0.1:80, { address: 10.0.0.2:80, weight: 3 }]
  other:
    nodes: []
routes:
  - { name: a, match: { path: /a }, pool: app }
  - { name: b, match: { path: /b }, pool: other }
)";

config::Config read(std::string text) {
  auto loaded = config::read_text(text, "test.yaml");
  REQUIRE(loaded.config);
  return std::move(*loaded.config);
}

std::string replaced(std::string_view what, std::string_view by) {
  std::string text(kBefore);
  const std::size_t at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), by);
}

std::vector<std::string> changes_of_admin(const std::string& before, const std::string& after) {
  std::vector<std::string> texts;
  for (const config::Change& change : config::diff(read("admin: " + before + std::string(kBefore)),
                                                   read("admin: " + after + std::string(kBefore))))
    texts.push_back(change.text());
  return texts;
}

std::vector<std::string> changes_to(const std::string& text) {
  std::vector<std::string> texts;
  for (const config::Change& change : config::diff(read(std::string(kBefore)), read(text)))
    texts.push_back(change.text());
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the same configuration changes nothing, however it is written") {
  CHECK(changes_to(std::string(kBefore)).empty());
  CHECK(
      changes_to(replaced("[10.0.0.1:80,", "[{ address: 10.0.0.1:80, weight: 1, state: active },")).empty());
}

TEST_CASE("nodes and listeners are told apart by their addresses") {
  CHECK(
      changes_to(replaced("10.0.0.1:80", "10.0.0.3:80")) ==
      Texts{
          R"(+ pools.app.nodes[10.0.0.3:80]: {"address":"10.0.0.3:80","weight":1,"max_in_flight":"unlimited","max_connections":"unlimited","state":"active","priority":0,"backup":false})",
          "- pools.app.nodes[10.0.0.1:80]"});
  CHECK(changes_to(replaced("weight: 3", "weight: 3, priority: 2")) ==
        Texts{"~ pools.app.nodes[10.0.0.2:80].priority: 0 -> 2"});
  CHECK(changes_to(replaced("weight: 3", "weight: 3, backup: true")) ==
        Texts{"~ pools.app.nodes[10.0.0.2:80].backup: false -> true"});
  CHECK(changes_to(replaced("weight: 3", "weight: 4, state: drain")) ==
        Texts{"~ pools.app.nodes[10.0.0.2:80].weight: 3 -> 4",
              R"(~ pools.app.nodes[10.0.0.2:80].state: "active" -> "drain")"});
  CHECK(
      changes_to(replaced("\npools:", "\nlisteners: [{ address: 0.0.0.0:80 }]\npools:")) ==
      Texts{
          R"(+ listeners[0.0.0.0:80]: {"address":"0.0.0.0:80","name":"0.0.0.0:80","mode":"http","protocol":"auto","max_connection_age":"off","proxy_protocol":"off"})",
          "- listeners[127.0.0.1:8080]"});
}

TEST_CASE("routes are told apart by their names, and their order matters") {
  CHECK(changes_to(replaced("path: /a", "path: /x")) == Texts{R"(~ routes[a].match.path: "/a" -> "/x")"});
  std::string swapped(kBefore);
  swapped = swapped.substr(0, swapped.find("routes:")) +
            "routes:\n  - { name: b, match: { path: /b }, pool: other }\n"
            "  - { name: a, match: { path: /a }, pool: app }\n";
  CHECK(changes_to(swapped) == Texts{R"(~ routes: "another order" -> "this order")"});
}

TEST_CASE("what is one value is shown before and after") {
  CHECK(changes_to(replaced("\npools:", "\nworkers: 3\ntimeouts: { idle: 1m }\npools:")) ==
        Texts{R"(~ workers: "auto" -> 3)", R"(~ timeouts.idle: "75s" -> "1m")"});
  CHECK(changes_to(replaced("nodes: []", "nodes: []\n    health: { tcp: true }")).size() == 1);
}

TEST_CASE("a secret of sticky sessions that is another shows as changed, without either of them") {
  const auto with = [](const std::string& sticky) {
    return replaced("    nodes: [10.0.0.1:80,", "    sticky: " + sticky + "\n    nodes: [10.0.0.1:80,");
  };
  const auto changes = [&](const std::string& before, const std::string& after) {
    std::vector<std::string> texts;
    for (const config::Change& change : config::diff(read(with(before)), read(with(after))))
      texts.push_back(change.text());
    return texts;
  };
  const std::string one = "{ secret: 0123456789abcdef }", other = "{ secret: fedcba9876543210 }";
  CHECK(changes(one, other) == Texts{R"(~ pools.app.sticky.secret: "***" -> "another ***")"});
  CHECK(changes("{}", one) == Texts{R"(~ pools.app.sticky.secret: "off" -> "***")"});
  CHECK(changes("off", "{}").size() == 1);
  CHECK(changes(one, one).empty());
}

TEST_CASE("a token that is another shows as changed, without either of them") {
  const std::string one = "{ token: 0123456789abcdef }", other = "{ token: fedcba9876543210 }", none = "{}";
  using Texts = std::vector<std::string>;
  CHECK(changes_of_admin(one, other) == Texts{R"(~ admin.token: "***" -> "another ***")"});
  CHECK(changes_of_admin(none, one) == Texts{R"(~ admin.token: "off" -> "***")"});
  CHECK(changes_of_admin(one, none) == Texts{R"(~ admin.token: "***" -> "off")"});
  CHECK(changes_of_admin(one, one).empty());
  CHECK(changes_of_admin(one, "off").size() == 1);
}
