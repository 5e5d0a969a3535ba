// Many nodes at once, in virtual time: the start of a pool, joining and leaving, spreading, the bounds of
// what the prober does at once, and that a network which is merely bad brings no node down.
#include <algorithm>
#include <set>

#include "tests/sim/checked_world.h"
#include "tests/unit/catch.h"

namespace weir::sim {
namespace {

using balancer::Health;

void be_all(CheckedWorld& world, Conduct conduct) {
  for (const auto& node : world.nodes) node->be(conduct);
}

}  // namespace

// ---- the start
// ---------------------------------------------------------------------------------------------

TEST_CASE("at the start each node waits for its first pass, and the first one that passes is enough") {
  CheckedWorld world(3);
  world.nodes[0]->be(Conduct::silent);
  world.nodes[2]->be(Conduct::silent);
  world.watch();
  CHECK(world.how_many(Health::awaited) == 3);
  CHECK_FALSE(world.prober->begun());
  world.run(100ms);
  CHECK(world.word(1) == Health::up);
  CHECK(world.prober->begun());
  CHECK(world.begun == 1);
  world.run(2s);  // longer than a timeout: nobody is presumed, since one is up
  CHECK(world.how_many(Health::awaited) == 2);
  world.run(10s);
  CHECK(world.how_many(Health::down) == 2);
  CHECK(world.begun == 1);
}

TEST_CASE("with no node up after one timeout, those without a verdict take requests until they have one") {
  CheckedWorld world(3);
  world.health().fall = 2;
  be_all(world, Conduct::silent);
  world.nodes[2]->say(500);  // its verdict is there before the timeout is over
  world.watch();
  world.run(990ms);
  CHECK(world.how_many(Health::awaited) == 2);
  CHECK(world.word(2) == Health::down);
  CHECK_FALSE(world.prober->begun());
  world.run(20ms);
  CHECK(world.how_many(Health::unknown) == 2);
  CHECK(world.endpoint(0).node->eligible());
  CHECK(world.reason(0) == "no node of the pool had passed a check within 1s");
  CHECK(world.prober->begun());  // each has been asked
  world.run(3s);
  CHECK(world.how_many(Health::down) == 3);
  CHECK(world.endpoint(0).history.view().transitions.size() == 2);
}

TEST_CASE("a pool that is empty has begun, and starts when it has nodes") {
  CheckedWorld world(2);
  const auto nodes = std::exchange(world.pool().nodes, {});
  world.watch();
  world.run(5s);
  CHECK(world.begun == 1);
  be_all(world, Conduct::silent);
  world.pool().nodes = nodes;
  world.watch();
  CHECK(world.how_many(Health::awaited) == 2);
  world.run(1010ms);
  CHECK(world.how_many(Health::unknown) == 2);
}

// ---- joining and leaving
// -----------------------------------------------------------------------------------

TEST_CASE("a node that joins a running pool waits for its first pass, however long it takes") {
  CheckedWorld world(2);
  const config::Node second = world.pool().nodes[1];
  world.pool().nodes.pop_back();
  world.watch();
  world.until(0, Health::up);
  world.nodes[1]->be(Conduct::silent);
  world.health().fall = 100;
  world.watch();
  world.pool().nodes.push_back(second);
  world.watch();
  world.run(30s);
  CHECK(world.word(1) == Health::awaited);
  world.nodes[1]->be(Conduct::answer);
  world.until(1, Health::up);
  CHECK(world.word(0) == Health::up);
}

TEST_CASE("a node that joins a running pool waits even where no other node is up") {
  CheckedWorld world(2);
  const config::Node second = world.pool().nodes[1];
  world.pool().nodes.pop_back();
  world.watch();
  world.until(0, Health::up);
  be_all(world, Conduct::silent);
  world.until(0, Health::down);
  world.pool().nodes.push_back(second);
  world.watch();
  world.run(2500ms);
  CHECK(world.word(1) == Health::awaited);
}

TEST_CASE("nodes that stay keep their state and their pace over another snapshot") {
  CheckedWorld world(2);
  world.nodes[1]->say(500);
  world.watch();
  world.until(0, Health::up);
  world.until(1, Health::down);
  const core::Endpoint* endpoint = &world.endpoint(0);
  world.until_asked(0, 2);
  world.run(1s);
  world.watch();
  CHECK(&world.endpoint(0) == endpoint);
  CHECK(world.word(0) == Health::up);
  CHECK(world.word(1) == Health::down);
  CHECK(world.until_asked(0, 1) == 1s);  // not at once
}

TEST_CASE("with other settings nodes keep their state, and are asked the new question at once") {
  CheckedWorld world(2);
  world.nodes[1]->say(500);
  world.watch();
  world.until(1, Health::down);
  world.health().http->target = "/new";
  world.watch();
  CHECK(world.word(0) == Health::up);
  CHECK(world.word(1) == Health::down);
  world.run(10ms);
  CHECK(world.nodes[0]->requests.back().starts_with("GET /new "));
  CHECK(world.endpoint(0).history.view().transitions.size() == 1);
}

TEST_CASE("a node that went and came back is as new as any") {
  CheckedWorld world(2);
  const std::shared_ptr<core::Endpoint> held = [&] {
    world.watch();
    world.until(1, Health::up);
    return world.snapshot->pools[0].endpoints[1];  // as a connection would
  }();
  const config::Node second = world.pool().nodes[1];
  world.pool().nodes.pop_back();
  world.watch();
  const std::size_t asked = world.nodes[1]->asked.size();
  world.run(10s);
  CHECK(world.nodes[1]->asked.size() == asked);  // it is checked no more
  world.nodes[1]->be(Conduct::silent);
  world.pool().nodes.push_back(second);
  world.watch();
  CHECK(&world.endpoint(1) == held.get());
  CHECK(world.word(1) == Health::awaited);
}

TEST_CASE("nodes of a pool that is checked no more become unknown, and take requests") {
  CheckedWorld world(2);
  world.nodes[1]->say(500);
  world.watch();
  world.until(1, Health::down);
  world.run(20ms);
  world.told.clear();
  world.pool().health.reset();
  world.watch();
  CHECK(world.how_many(Health::unknown) == 2);
  CHECK(world.reason(1) == "its pool is not checked any more");
  world.run(20ms);
  REQUIRE(world.told.size() == 1);
  CHECK(world.told[0]->endpoints.size() == 2);
  const std::size_t asked = world.nodes[0]->asked.size();
  world.run(10s);
  CHECK(world.nodes[0]->asked.size() == asked);
}

TEST_CASE("nodes of a pool that is checked from now on take requests until their verdict") {
  CheckedWorld world(2);
  const config::Health health = world.health();
  world.pool().health.reset();
  world.watch();
  CHECK(world.how_many(Health::unknown) == 2);
  world.nodes[1]->say(500);
  world.pool().health = health;
  world.watch();
  CHECK(world.how_many(Health::unknown) == 2);
  world.until(1, Health::down);
  CHECK(world.word(0) == Health::up);
}

TEST_CASE("nobody is checked after the end") {
  CheckedWorld world(3);
  world.nodes[1]->be(Conduct::silent);
  world.watch();
  world.run(100ms);
  world.prober->stop();
  const std::size_t asked = world.nodes[0]->asked.size();
  world.run(1min);
  CHECK(world.nodes[0]->asked.size() == asked);
  CHECK(world.word(0) == Health::up);
}

// ---- telling
// -----------------------------------------------------------------------------------------------

TEST_CASE("the first change is told at once, the following ones together at most each 10 ms") {
  CheckedWorld world(500);
  world.watch();
  world.run(1s);
  CHECK(world.how_many(Health::up) == 500);
  std::size_t endpoints = 0;
  for (const auto& changes : world.told) {
    endpoints += changes->endpoints.size();
    CHECK(changes->pools == std::unordered_set<std::string>{"app"});
  }
  CHECK(endpoints == 500);
  CHECK(world.told.size() <= 6);  // 200 checks at once, then a hundred in 10 ms
  for (std::size_t i = 1; i < world.told_at.size(); ++i)
    CHECK(world.told_at[i] - world.told_at[i - 1] >= 10ms);
}

// ---- the bounds
// --------------------------------------------------------------------------------------------

TEST_CASE(
    "no more checks are under way than the prober was given, and those that wait are late, not failed") {
  CheckedWorld world(50, SimRules::calm(), 1, 10);
  be_all(world, Conduct::silent);
  world.watch();
  world.run(500ms);
  std::size_t asked = 0;
  for (const auto& node : world.nodes) asked += node->asked.size();
  CHECK(asked == 10);
  be_all(world, Conduct::answer);
  world.run(5s);
  CHECK(world.how_many(Health::up) == 50);
  for (std::size_t i = 0; i < 50; ++i) CHECK(world.endpoint(i).history.checks_failed() <= 1);
}

TEST_CASE("checks begin at one pace, and a late loop makes up for so many at most") {
  CheckedWorld world(1000);
  world.watch();
  world.run(1min);
  std::vector<base::Time> asked;
  for (const auto& node : world.nodes) asked.insert(asked.end(), node->asked.begin(), node->asked.end());
  std::sort(asked.begin(), asked.end());
  constexpr std::size_t kBurst = core::Prober::kBurst;
  for (const std::size_t many : {kBurst, 2 * kBurst, 4 * kBurst})
    for (std::size_t i = many; i < asked.size(); ++i)
      if (asked[i] - asked[i - many] < (many - kBurst) * core::Prober::kSpacing) FAIL("too many at once");
  CHECK(world.how_many(Health::up) == 1000);
}

TEST_CASE("a loop that often comes late begins as many checks as one that does not") {
  SimRules rules = SimRules::calm();
  rules.max_timer_lag = rules.max_lag = 18ms;
  CheckedWorld world(2000, rules, 1, 5000);
  world.watch();
  world.run(200ms);
  std::size_t asked = 0;
  for (const auto& node : world.nodes) asked += node->asked.size();
  CHECK(asked > 1700);
}

TEST_CASE("checks of many nodes are spread evenly over the interval") {
  CheckedWorld world(1000);
  world.health().jitter = 10;
  world.watch();
  world.run(60s);
  std::vector<std::size_t> asked(20);  // in each tenth of a second of the last two
  const base::Time from = world.world.now() - 2s;
  for (const auto& node : world.nodes)
    for (const base::Time at : node->asked)
      if (at >= from) ++asked[static_cast<std::size_t>((at - from) / 100ms) % 20];
  for (const std::size_t count : asked) CHECK((count > 20 && count < 90));
}

// ---- bad networks, good nodes
// ------------------------------------------------------------------------------

TEST_CASE("a slow and lumpy network alone brings no node down, in an hour of any seed") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CheckedWorld world(10, SimRules::hostile(), seed);
    world.world.rules().min_buffer = 16;
    world.watch();
    world.run(1h);
    for (std::size_t i = 0; i < 10; ++i) {
      CHECK(world.word(i) == Health::up);
      CHECK(world.endpoint(i).history.went_up() == 1);
      CHECK(world.endpoint(i).history.checks_failed() == 0);
      CHECK(world.endpoint(i).history.checks_passed() > 1700);
    }
  }
}

TEST_CASE("on any network a node that misbehaves goes and returns, and others are not touched") {
  const Conduct conduct = GENERATE(Conduct::silent, Conduct::endless, Conduct::closing, Conduct::resetting);
  CheckedWorld world(5, SimRules::hostile(), 7);
  world.world.rules().min_buffer = 2000;
  world.watch();
  world.until(0, Health::up);
  for (int round = 0; round < 3; ++round) {
    world.nodes[0]->be(conduct);
    CHECK(world.until(0, Health::down) <= 2s + 3 * 1s + 500ms);
    world.nodes[0]->be(Conduct::answer);
    CHECK(world.until(0, Health::up) <= 1s + 2 * 400ms + 500ms);
  }
  for (std::size_t i = 1; i < 5; ++i) CHECK(world.endpoint(i).history.checks_failed() == 0);
}

}  // namespace weir::sim
