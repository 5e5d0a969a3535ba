// What is made of the API's answers, and of answers that are none.
#include "proxy/console/status.h"

#include "proxy/console/node_table.h"
#include "tests/unit/catch.h"
#include "tests/unit/console/statuses.h"

using namespace weir::console;
using namespace std::chrono_literals;

TEST_CASE("pools and nodes are read as docs/api.md has them") {
  const auto pools = statuses({pool_json("app", {{.address = "10.0.0.1:80",
                                                  .health = "down",
                                                  .reason = "GET /healthz answered 503",
                                                  .rate = 1.5,
                                                  .p99_ms = "2.25",
                                                  .in_flight = 3,
                                                  .eligible = false}})});
  REQUIRE(pools.size() == 1);
  CHECK(pools[0].name == "app");
  CHECK(pools[0].health == "GET /healthz every 2s");
  CHECK(pools[0].size == 1);
  CHECK(pools[0].eligible == 0);
  REQUIRE(pools[0].nodes.size() == 1);
  const NodeStatus& node = pools[0].nodes[0];
  CHECK(node.pool == "app");
  CHECK(node.address == "10.0.0.1:80");
  CHECK_FALSE(node.eligible);
  CHECK(node.health.age == 2023ms);
  CHECK(node.traffic.rate == 1.5);
  CHECK(node.traffic.in_flight == 3);
  CHECK(node.traffic.p99_ms == 2.25);
  CHECK(node.decisive().reason == "GET /healthz answered 503");
}

TEST_CASE("one pool is read like a list of one") {
  const std::string json = pool_json("app", {{.address = "a:1"}});
  const auto pools = read_pools("{\"time\":\"2026-11-25T12:00:00.123Z\"," + json.substr(1));
  REQUIRE(pools);
  REQUIRE(pools->size() == 1);
  CHECK(pools->front().nodes.front().health.age == 2023ms);
}

TEST_CASE("the word that decides") {
  const auto state = [](const std::string& by_operator, const std::string& health,
                        const std::string& ejection) {
    NodeStatus node;
    node.by_operator.state = by_operator;
    node.health.state = health;
    node.ejection.state = ejection;
    return state_text(node);
  };
  CHECK(state("active", "up", "none") == "up");
  CHECK(state("active", "unknown", "none") == "unknown");
  CHECK(state("active", "down", "none") == "down");
  CHECK(state("active", "up", "ejected") == "ejected");
  CHECK(state("active", "up", "probation") == "probation");
  CHECK(state("active", "down", "probation") == "down");
  CHECK(state("drain", "down", "ejected") == "drain");
  CHECK(state("down", "up", "none") == "set down");
}

TEST_CASE("the word that a node says of itself decides where its operator says nothing") {
  NodeStatus node;
  node.by_operator.state = "active";
  node.ejection.state = "ejected";
  node.agent = {"maint", std::nullopt, "it says so"};
  CHECK(state_text(node) == "maint");
  CHECK(node.why() == "it says so");
  CHECK(severity(node) == 1);
  node.agent.state = "drain";
  CHECK(state_text(node) == "drain");
  node.by_operator.state = "down";
  CHECK(state_text(node) == "set down");
  node.by_operator.state = "active";
  for (const char* none : {"up", ""}) {
    node.agent.state = none;
    CHECK(state_text(node) == "ejected");
  }
}

TEST_CASE("a node is full where nothing else says more of it") {
  NodeStatus node;
  node.by_operator.state = "active";
  node.health.state = "up";
  node.fullness = {"full", std::nullopt, "max_in_flight is reached"};
  CHECK(state_text(node) == "full");
  CHECK(node.why() == "max_in_flight is reached");
  CHECK(severity(node) == 2);
  node.suspicion = {"suspect", std::nullopt, "it is silent"};
  CHECK(state_text(node) == "suspect");
  node.by_operator.state = "drain";
  CHECK(state_text(node) == "drain");
}

TEST_CASE("connections are summed over listeners") {
  const auto sum = read_connections(
      R"({"listeners":[{"open":12,"states":{"idle":9,"reading":1,"active":1,"tunnel":1,"closing":0}},)"
      R"({"open":1,"states":{"closing":1}}, {}]})");
  REQUIRE(sum);
  CHECK(sum->open == 13);
  CHECK(sum->idle == 9);
  CHECK(sum->reading == 1);
  CHECK(sum->active == 1);
  CHECK(sum->tunnel == 1);
  CHECK(sum->closing == 1);
  CHECK(sum->overload == 0);
  CHECK(read_connections(R"({"overload":2,"listeners":[]})")->overload == 2);
}

TEST_CASE("what is no answer of Weir is refused") {
  for (const char* text : {"", "null", "[]", "{}", "{\"pools\":5}", "{\"pools\":{}}", "hello", "{\"pools\":[",
                           "\xff", "{\"nodes\":{}}", "[[[[", "\"pools\""}) {
    INFO(text);
    CHECK_FALSE(read_pools(text));
    CHECK_FALSE(read_connections(text));
  }
  CHECK_FALSE(read_pools(std::string(200'000, '[')));
}

TEST_CASE("fields of the wrong kind are as good as absent") {
  const auto pools = read_pools(
      R"({"time":5,"pools":[7,"x",null,[],{"name":3,"nodes":"x"},{"name":"a","size":-4,"rate":1e300,"nodes":)"
      R"([null,"y",{"address":{},"operator":[],"health":{"state":1,"since":"soon"},"weight":"w","p99_ms":"1",)"
      R"("in_flight":-1,"eligible":1}]}]})");
  REQUIRE(pools);
  REQUIRE(pools->size() == 6);
  CHECK((*pools)[5].size == 0);
  CHECK((*pools)[5].traffic.rate == 1e15);
  const NodeStatus& node = (*pools)[5].nodes[2];
  CHECK(node.address.empty());
  CHECK_FALSE(node.eligible);
  CHECK_FALSE(node.health.age);
  CHECK_FALSE(node.traffic.p99_ms);
  CHECK(node.traffic.in_flight == 0);
}

TEST_CASE("nothing that steers a terminal gets through") {
  CHECK(printable("a\x1b[2J\r\n\t\x7f\xc2\x9b\xe2\x80\xae~ b") == "a?[2J?????????~ b");
  const auto pools =
      read_pools("{\"pools\":[{\"name\":\"\\u001b]0;x\\u0007\",\"nodes\":[{\"address\":\"\\u009b1m\"}]}]}");
  REQUIRE(pools);
  CHECK(pools->front().name == "?]0;x?");
  CHECK(pools->front().nodes.front().address == "??1m");
  CHECK(read_error("{\"error\":\"no\\u001b[1mo\"}") == "no?[1mo");
  CHECK(printable(std::string(100'000, 'x')).size() == 1024);
  CHECK(readable_json("{\"b\":\"\\u001b\xc2\x9b\",\"a\":1}") ==
        "{\n  \"b\": \"\\u001b\\u009b\",\n  \"a\": 1\n}");
}

TEST_CASE("numbers stand short") {
  CHECK(rate_text(0) == "0.0");
  CHECK(rate_text(99.94) == "99.9");
  CHECK(rate_text(99.96) == "100");
  CHECK(rate_text(9999) == "9999");
  CHECK(rate_text(12'345) == "12.3k");
  CHECK(rate_text(2.5e6) == "2.5M");
  CHECK(latency_text(std::nullopt) == "-");
  CHECK(latency_text(1.214) == "1.21ms");
  CHECK(latency_text(12.6) == "13ms");
  CHECK(latency_text(1234) == "1.2s");
  CHECK(age_text(std::nullopt) == "-");
  CHECK(age_text(99s) == "99s");
  CHECK(age_text(100s) == "1m");
  CHECK(age_text(5h) == "5h");
  CHECK(age_text(72h) == "3d");
}
