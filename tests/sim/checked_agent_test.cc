// What nodes say of themselves in their answers to checks, and what the prober makes of it.
#include "tests/sim/checked_world.h"
#include "tests/unit/catch.h"

namespace weir::sim {
namespace {

using balancer::Agent;
using balancer::Health;

std::string answer_of(const std::string& status, const std::string& fields) {
  return "HTTP/1.1 " + status + " X\r\nContent-Length: 2\r\nConnection: close\r\n" + fields + "\r\nok";
}

struct AgentWorld : CheckedWorld {
  AgentWorld() : CheckedWorld(2) {
    health().interval = health().fast_interval = 1s;
    watch();
    run(500ms);
  }
  balancer::NodeState state() { return endpoint(0).node->state(); }
  void hear(const std::string& status, const std::string& fields) {
    nodes[0]->conduct = Conduct::answer;
    nodes[0]->answer = answer_of(status, fields);
    run(2s);
  }
  core::NodeTransition latest() { return endpoint(0).history.view().transitions.back(); }
};

}  // namespace

TEST_CASE("a node that says drain or maint gets no new work until it says otherwise, or nothing") {
  AgentWorld world;
  CHECK(world.state().eligible());
  world.hear("200", "X-Weir-State: drain\r\n");
  CHECK(world.state().agent == Agent::drain);
  CHECK(world.state().health == Health::up);
  CHECK(world.state().bar() == balancer::Bar::hard);
  CHECK(world.latest().word == core::NodeWord::agent);
  CHECK(world.latest().from == "up");
  CHECK(world.latest().to == "drain");
  CHECK(world.endpoint(0).drains_since.load() != 0);
  world.hear("200", "X-Weir-State: maint\r\n");
  CHECK(world.state().agent == Agent::maint);
  CHECK_FALSE(world.state().eligible());
  world.hear("200", "X-Weir-State: up\r\n");
  CHECK(world.state().eligible());
  world.hear("200", "X-Weir-Weight: 0\r\n");
  CHECK(world.state().agent == Agent::drain);
  world.hear("200", "");
  CHECK(world.state().eligible());
  CHECK(world.endpoint(1).node->state().eligible());
}

TEST_CASE("the workers hear of it") {
  AgentWorld world;
  const std::size_t told = world.told.size();
  world.hear("200", "X-Weir-State: drain\r\n");
  REQUIRE(world.told.size() == told + 1);
  CHECK(world.told.back()->pools.contains("app"));
  world.run(5s);
  CHECK(world.told.size() == told + 1);
}

TEST_CASE("the weight that a node says is the one that counts, but for an operator's") {
  AgentWorld world;
  world.hear("200", "X-Weir-Weight: 7\r\n");
  CHECK(world.endpoint(0).node->weight() == 7);
  CHECK(world.state().weight == 1);
  CHECK(world.latest().word == core::NodeWord::weight);
  CHECK(world.latest().to == "7");
  world.endpoint(0).node->set_weight(3, balancer::Node::Weight::held);
  CHECK(world.endpoint(0).node->weight() == 3);
  world.endpoint(0).node->set_weight(2);
  CHECK(world.endpoint(0).node->weight() == 7);
  world.hear("200", "");
  CHECK(world.endpoint(0).node->weight() == 2);
}

TEST_CASE("a weight that changes with every answer counts at once, and is told of now and then") {
  AgentWorld world;
  for (const char* weight : {"7", "8", "9"}) {
    world.hear("200", std::string("X-Weir-Weight: ") + weight + "\r\n");
    CHECK(world.endpoint(0).node->weight() == static_cast<std::uint32_t>(*weight - '0'));
    CHECK(world.latest().to == "7");
  }
  world.run(10s);
  CHECK(world.latest().from == "7");
  CHECK(world.latest().to == "9");
  world.hear("200", "X-Weir-State: drain\r\nX-Weir-Weight: 5\r\n");
  CHECK(world.latest().from == "9");
  CHECK(world.latest().to == "5");
  world.health().http.reset();
  world.watch();
  CHECK(world.latest().from == "5");
  CHECK(world.latest().to == "1");
}

TEST_CASE("a word counts in an answer that fails the check, and the check fails by itself") {
  AgentWorld world;
  world.hear("503", "X-Weir-State: maint\r\n");
  CHECK(world.state().agent == Agent::maint);
  world.run(5s);
  CHECK(world.state().health == Health::down);
  world.hear("200", "X-Weir-State: maint\r\n");
  world.run(5s);
  CHECK(world.state().health == Health::up);
  CHECK(world.state().agent == Agent::maint);
  world.health().http->body = "something else";
  world.watch();
  world.hear("200", "X-Weir-State: drain\r\n");
  CHECK(world.state().agent == Agent::drain);
}

TEST_CASE("a word holds while no whole answer comes") {
  AgentWorld world;
  world.hear("200", "X-Weir-State: drain\r\nX-Weir-Weight: 7\r\n");
  for (const Conduct conduct : {Conduct::silent, Conduct::closing, Conduct::resetting, Conduct::endless}) {
    world.nodes[0]->be(conduct);
    world.run(5s);
    CHECK(world.state().agent == Agent::drain);
    CHECK(world.state().agent_weight == 7);
  }
}

TEST_CASE("what is no word counts as none") {
  AgentWorld world;
  world.hear("200", "X-Weir-State: asleep\r\nX-Weir-Weight: heavy\r\n");
  CHECK(world.state().agent == Agent::up);
  CHECK(world.endpoint(0).node->weight() == 1);
  CHECK(world.state().eligible());
}

TEST_CASE("a word is forgotten where checks ask for none any more") {
  AgentWorld world;
  world.hear("200", "X-Weir-State: maint\r\nX-Weir-Weight: 7\r\n");
  SECTION("they only connect") {
    world.health().http.reset();
  }
  SECTION("there are none") {
    world.pool().health.reset();
  }
  SECTION("it is to be disregarded") {
    world.health().http->agent = false;
  }
  world.watch();
  CHECK(world.state().agent == Agent::up);
  CHECK(world.endpoint(0).node->weight() == 1);
  world.hear("200", "X-Weir-State: maint\r\nX-Weir-Weight: 7\r\n");
  CHECK(world.state().agent == Agent::up);
  CHECK(world.endpoint(0).node->weight() == 1);
}

TEST_CASE("a word lives on where checks change otherwise") {
  AgentWorld world;
  world.hear("200", "X-Weir-State: maint\r\nX-Weir-Weight: 7\r\n");
  world.health().timeout = 300ms;
  world.watch();
  CHECK(world.state().agent == Agent::maint);
  CHECK(world.endpoint(0).node->weight() == 7);
}

}  // namespace weir::sim
