// What bodies may say, and what is said of those that say something else.
#include "proxy/admin/order_body.h"

#include "tests/unit/catch.h"

namespace weir::admin {
namespace {

using namespace std::chrono_literals;

// "STATUS: ERROR".
template <class T>
std::string fault(const FromBody<T>& read) {
  return read ? "" : fmt::format("{}: {}", read.error().status, read.error().text);
}

constexpr const char* kKeys =
    "state, weight, priority, backup, max_in_flight, max_connections, for, temporary";
constexpr const char* kNothing =
    "422: nothing is to change; one or more of state, weight, priority, backup, max_in_flight, "
    "max_connections say what";

}  // namespace

TEST_CASE("a change may say what a node is to be, for and temporary") {
  CHECK(read_change(R"({"state": "active"})")->state == balancer::Operator::active);
  CHECK(read_change(R"({"state": "drain"})")->state == balancer::Operator::drain);
  CHECK(read_change(R"({"state": "down"})")->state == balancer::Operator::down);
  CHECK(read_change(R"({"weight": 1000})")->weight == 1000);
  CHECK(read_change(R"({"priority": 2})")->priority == 2U);
  CHECK(read_change(R"({"backup": false})")->backup == false);
  CHECK(read_change(R"({"max_in_flight": "adaptive"})")->max_in_flight == config::kAdaptive);
  CHECK(read_change(R"({"max_connections": 9})")->max_connections == 9U);
  const auto lasting = [](const char* body) { return read_change(body)->lasting; };
  CHECK(lasting(R"({"weight": 1})") == NodeOrder::Lasting::written);
  CHECK(lasting(R"({"weight": 1, "temporary": false})") == NodeOrder::Lasting::written);
  CHECK(lasting(R"({"weight": 1, "temporary": true})") == NodeOrder::Lasting::temporary);
  CHECK(lasting(R"({"weight": 1, "for": "20m"})") == NodeOrder::Lasting::temporary);
  CHECK(read_change(R"({"weight": 1, "for": "20m", "temporary": true})")->time == 20min);
}

TEST_CASE("a body that is no JSON object, or has a key twice, is refused") {
  for (const char* body : {"[]", "3", "null", "{", "{\"weight\": 2,}", "{} {}", "weight: 2", "\xff"})
    CHECK(fault(read_change(body)) ==
          fmt::format("400: the body is no JSON object; allowed: {{}} with {}", kKeys));
  CHECK(fault(read_change(R"({"weight": 2, "weight": 3})")) ==
        R"(422: "weight" is given twice; a key may stand once)");
}

TEST_CASE("what a change may not say is named, with what is allowed") {
  const auto of = [](const char* body) { return fault(read_change(body)); };
  CHECK(of("") == kNothing);
  CHECK(of(R"({"for": "20m"})") == kNothing);
  CHECK(of(R"({"wieght": 2})") == R"(422: "wieght" is an unknown key; did you mean weight?)");
  CHECK(of(R"({"colour": 2})") == fmt::format(R"(422: "colour" is an unknown key; allowed: {})", kKeys));
  CHECK(of(R"({"state": "drian"})") ==
        R"(422: state: "drian" is not allowed; allowed: active, drain, down; did you mean drain?)");
  CHECK(of(R"({"state": null})") == R"(422: state: "null" is not allowed; allowed: active, drain, down)");
  for (const char* weight : {"0", "1001", "-1", "1.5", "1e2"})
    CHECK(of(fmt::format(R"({{"weight": {}}})", weight).c_str()).ends_with("a whole number from 1 to 1000"));
  CHECK(of(R"({"weight": "3"})") ==
        R"(422: weight: "string "3"" is not allowed; allowed: a whole number from 1 to 1000)");
  CHECK(of(R"({"weight": [3]})").starts_with(R"(422: weight: "array [3]" is not allowed)"));
  CHECK(of(R"({"weight": 2, "for": "20"})") == R"(422: for: "20" lacks a unit; write 20s or 20ms)");
  CHECK(of(R"({"weight": 2, "for": "-1s"})").starts_with("422: for: "));
  CHECK(of(R"({"weight": 2, "for": "off"})").starts_with("422: for: "));
  CHECK(of(R"({"weight": 2, "temporary": "true"})").starts_with("422: temporary: "));
  CHECK(of(R"({"weight": 2, "temporary": 1})").starts_with("422: temporary: "));
  CHECK(of(R"({"weight": 2, "for": "1m", "temporary": false})") ==
        "422: temporary: what is for a time is temporary; leave one of the two out");
  CHECK(of(R"({"backup": true, "priority": 1})") ==
        "422: backup: a backup comes after all other nodes, whatever its priority; leave priority out");
  const std::string both = of(R"({"state": "up", "weight": 0})");
  CHECK(both.find("state: ") != std::string::npos);
  CHECK(both.find("; and weight: ") != std::string::npos);
}

TEST_CASE("a node that is added has an address, and comes to stay") {
  const auto of = [](const char* body) { return fault(read_add(body)); };
  const auto added =
      read_add(R"({"address": "app.internal:80", "weight": 5, "state": "down", "temporary": false})");
  REQUIRE(added);
  CHECK(added->kind == NodeOrder::Kind::add);
  CHECK(added->address == "app.internal:80");
  CHECK(added->weight == 5);
  CHECK(added->state == balancer::Operator::down);
  CHECK_FALSE(added->priority);
  const auto tiered = read_add(R"({"address": "a:80", "priority": 15, "max_in_flight": 20})");
  REQUIRE(tiered);
  CHECK(tiered->priority == 15U);
  CHECK(tiered->max_in_flight == 20U);
  CHECK(read_add(R"({"address": "a:80", "backup": true})")->backup == true);
  CHECK(read_add(R"({"address": "a:80", "max_in_flight": "adaptive"})")->max_in_flight == config::kAdaptive);
  CHECK(of(R"({"address": "a:80", "priority": 16})").starts_with("422: priority: "));
  CHECK(of(R"({"address": "a:80", "backup": "yes"})").starts_with("422: backup: "));
  CHECK(of(R"({"address": "a:80", "max_in_flight": 0})").starts_with("422: max_in_flight: "));
  CHECK(of(R"({"address": "a:80", "backup": true, "priority": 1})") ==
        "422: backup: a backup comes after all other nodes, whatever its priority; leave priority out");
  CHECK(of("{}").starts_with("422: address: is missing; it is required: HOST:PORT"));
  CHECK(of(R"({"address": "10.0.0.1"})")
            .starts_with(R"(422: address: "10.0.0.1" is not allowed; allowed: HOST:PORT)"));
  CHECK(of(R"({"address": "10.0.0.1:0"})") == "422: address: a node has no port 0; allowed: 1 to 65535");
  CHECK(of(R"({"address": 80})").starts_with("422: address: "));
  CHECK(of(R"({"address": "10.0.0.1:80", "for": "1m"})").starts_with(R"(422: "for" is an unknown key)"));
  CHECK(of(R"({"address": "10.0.0.1:80", "temporary": true})")
            .starts_with("409: a node cannot be added for a time"));
}

}  // namespace weir::admin
