// What a node says of itself.
#include "proxy/policy/agent.h"

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using balancer::Agent;

constexpr std::uint32_t kNone = balancer::NodeState::kNoAgentWeight;

AgentWord read(const char* state, const char* weight = nullptr) {
  http::Fields fields;
  fields.add("Content-Type", "text/plain");
  if (state) fields.add("x-weir-state", state);
  if (weight) fields.add("X-Weir-Weight", weight);
  return read_agent(fields);
}

}  // namespace

TEST_CASE("a node that says nothing of itself is up, with the weight that is listed") {
  const AgentWord word = read(nullptr);
  CHECK(word.state == Agent::up);
  CHECK(word.weight == kNone);
  CHECK(word.bad.empty());
}

TEST_CASE("a node's state and weight are read together") {
  CHECK(read("up").state == Agent::up);
  CHECK(read("drain").state == Agent::drain);
  CHECK(read("MAINT").state == Agent::maint);
  CHECK(read(nullptr, "1").weight == 1);
  CHECK(read(nullptr, "1000").weight == 1000);
  CHECK(read("drain", "7").state == Agent::drain);
  CHECK(read("drain", "7").weight == 7);
}

TEST_CASE("no weight is as good as drain, and maint is more") {
  CHECK(read(nullptr, "0").state == Agent::drain);
  CHECK(read("up", "0").state == Agent::drain);
  CHECK(read("maint", "0").state == Agent::maint);
  CHECK(read(nullptr, "0").weight == kNone);
}

TEST_CASE("of several states the gravest counts, in whatever order") {
  const auto all = [](std::vector<std::string_view> states) {
    http::Fields fields;
    for (const std::string_view state : states) fields.add("X-Weir-State", state);
    return read_agent(fields);
  };
  CHECK(all({"up", "drain"}).state == Agent::drain);
  CHECK(all({"maint", "drain", "up"}).state == Agent::maint);
  CHECK(all({"drain", "up", "maint"}).state == Agent::maint);
  CHECK(all({"asleep", "drain"}).state == Agent::drain);
  CHECK(all({"asleep", "drain"}).bad == "X-Weir-State: asleep");
  CHECK(all({"drain, maint"}).state == Agent::maint);
  CHECK(all({"Maint ,drain,\tup"}).state == Agent::maint);
  CHECK(all({"up", "up, drain"}).state == Agent::drain);
  CHECK(all({", drain,"}).bad.empty());
  CHECK(all({"drain, asleep, up"}).state == Agent::drain);
  CHECK(all({"drain, asleep, up"}).bad == "X-Weir-State: asleep");
}

TEST_CASE("what cannot be read counts as not said, and is told") {
  for (const char* bad : {"down", "", "drain; up", "maintenance"}) {
    CHECK(read(bad).state == Agent::up);
    CHECK(read(bad).bad == std::string("X-Weir-State: ") + bad);
  }
  for (const char* bad : {"-1", "1001", "99999999999", "1.5", "50%", "0x10", "", "7 "}) {
    CHECK(read("drain", bad).state == Agent::drain);
    CHECK(read("drain", bad).weight == kNone);
    CHECK_FALSE(read("drain", bad).bad.empty());
  }
  CHECK(read(std::string(1'000, 'x').c_str()).bad.size() < 100);
}

}  // namespace weir::policy
