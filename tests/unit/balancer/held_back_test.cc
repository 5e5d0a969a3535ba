// Nodes that are eligible and not trusted: suspects and those on probation get single requests that try them
// out, and work only where no other node is left. And nodes that start slowly.
#include <atomic>
#include <thread>

#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

void hold_back(Node& node, bool suspect) {
  if (suspect)
    node.suspect();
  else
    node.set_ejection(Ejection::probation);
}

}  // namespace

TEST_CASE(
    "every strategy: a node that is held back gets nothing while another is trusted, refreshed or not") {
  for (const auto name : strategy_names())
    for (const bool suspect : {true, false}) {
      INFO(name);
      const Nodes nodes = equal_nodes(3);
      Balancer balancer(nodes, name, Rng(1));
      hold_back(*nodes[1], suspect);
      for (int round = 0; round < 2; ++round) {
        const Shares counted = shares(balancer, 3000);
        CHECK(counted[1] == 0);
        CHECK(counted[0] + counted[2] == 3000);
        balancer.refresh();
      }
      nodes[1]->clear_of_suspicion();
      nodes[1]->acquit();
      balancer.refresh();
      CHECK(shares(balancer, 3000)[1] > 900);
    }
}

TEST_CASE("every strategy: where all that are left are held back, they share the work, suspects last") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(4);
    Balancer balancer(nodes, name, Rng(1));
    nodes[0]->set_health(Health::down);
    for (std::size_t i = 1; i < 4; ++i) hold_back(*nodes[i], i == 1);
    balancer.refresh();
    Shares counted = shares(balancer, 2000);
    CHECK(counted[0] + counted[1] + counted[4] == 0);
    CHECK(counted[2] > 800);
    CHECK(counted[3] > 800);
    // One that became suspect since, and the next that all are.
    nodes[2]->suspect();
    CHECK(shares(balancer, 2000)[2] == 0);
    nodes[3]->suspect();
    balancer.refresh();
    counted = shares(balancer, 3000);
    CHECK(counted[1] > 800);
    CHECK(counted[2] > 800);
    CHECK(counted[3] > 800);
  }
}

TEST_CASE("where those on probation serve, suspects are tried out all the same") {
  const Nodes nodes = equal_nodes(2);
  Balancer balancer(nodes, "round-robin", Rng(1));
  hold_back(*nodes[0], true);
  hold_back(*nodes[1], false);
  nodes[0]->end_trial(kSecond);
  balancer.refresh();
  REQUIRE(balancer.holds_back());
  CHECK(balancer.pick({.now = kSecond}) == 0);
  CHECK(balancer.pick({.now = kSecond}) == 1);
  const std::size_t tried[] = {1};
  CHECK(balancer.pick({.tried = tried}) == 0);
}

TEST_CASE("every strategy: the only node serves on while it is held back, refreshed or not") {
  for (const auto name : strategy_names())
    for (const bool refreshed : {false, true}) {
      INFO(name);
      const Nodes nodes = equal_nodes(1);
      Balancer balancer(nodes, name, Rng(1));
      nodes[0]->suspect();
      if (refreshed) balancer.refresh();
      CHECK(shares(balancer, 10) == Shares{10, 0});
      nodes[0]->clear_of_suspicion();
      if (refreshed) balancer.refresh();
      CHECK(shares(balancer, 10) == Shares{10, 0});
    }
}

TEST_CASE("every strategy: who has tried all that are trusted gets one that is held back, the least loaded") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(4);
    Balancer balancer(nodes, name, Rng(1));
    nodes[1]->suspect();
    nodes[2]->suspect();
    balancer.refresh();
    const Lease busy(nodes[1]);
    const std::size_t tried[] = {0, 3};
    CHECK(balancer.pick({.hash = 7, .tried = tried}) == 2);
    const std::size_t more[] = {0, 3, 2};
    CHECK(balancer.pick({.hash = 7, .tried = more}) == 1);
    const std::size_t all[] = {0, 3, 2, 1};
    CHECK_FALSE(balancer.pick({.hash = 7, .tried = all}));
  }
}

TEST_CASE("one request at a time tries a node out: the next when it went well, or after a second") {
  for (const auto name : {"round-robin", "least-connections"}) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    Balancer balancer(nodes, name, Rng(1));
    nodes[1]->set_ejection(Ejection::probation);
    nodes[1]->end_trial(kSecond);
    balancer.refresh();
    std::int64_t now = kSecond;
    const auto trials = [&](std::size_t picks, std::int64_t overdue = 0) {
      std::size_t count = 0;
      for (std::size_t i = 0; i < picks; ++i)
        count += balancer.pick({.now = now, .overdue = overdue}) == 1 ? 1 : 0;
      return count;
    };
    CHECK(trials(100) == 1);
    now += kSecond - 1;
    CHECK(trials(100) == 0);
    now += 1;
    CHECK(trials(100) == 1);
    nodes[1]->end_trial(now);
    CHECK(trials(100) == 1);
    // A request that should not be one leaves it to others for a second.
    nodes[1]->end_trial(now);
    CHECK(trials(100, kSecond) == 0);
    now += kSecond;
    CHECK(trials(100, kSecond) == 1);
    // Of a suspect there may be other terms.
    nodes[1]->suspect();
    nodes[1]->end_trial(now);
    CHECK(balancer.pick({.now = now, .overdue_suspect = kSecond}) != 1);
    CHECK(balancer.pick({.now = now, .overdue = kSecond}) == 1);
    nodes[1]->clear_of_suspicion();
    // A retry is none, nor is a request that says no time.
    nodes[1]->end_trial(now);
    const std::size_t tried[] = {0};
    CHECK(balancer.pick({.tried = tried, .now = now}) == 2);
    CHECK(shares(balancer, 100)[1] == 0);
  }
}

TEST_CASE("consistent hash: a node is tried out by a request of its own keys") {
  const Nodes nodes = equal_nodes(5);
  Balancer balancer(nodes, "consistent-hash", Rng(1));
  const std::vector<std::string> before = placement(balancer, 2000);
  nodes[3]->suspect();
  nodes[3]->end_trial(kSecond);
  balancer.refresh();
  std::size_t trials = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    const auto node = balancer.pick({.hash = nth_key(i), .now = kSecond});
    REQUIRE(node);
    if (*node == 3) {
      ++trials;
      CHECK(before[i] == nodes[3]->key());
    } else if (before[i] != nodes[3]->key()) {
      CHECK(before[i] == nodes[*node]->key());
    }
  }
  CHECK(trials == 1);
}

TEST_CASE("of many threads one begins a trial") {
  Node node("n");
  node.end_trial(5);
  std::atomic<int> begun = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 20000; ++i)
          begun += node.begin_trial(5 + i / 10000 * Node::kTrialTime, 0) ? 1 : 0;
      });
  }
  CHECK(begun == 2);
}

TEST_CASE("a slow start: shares follow the part of the weight, and are exact in turns") {
  const Nodes nodes = nodes_of({1, 1, 2});
  Balancer balancer(nodes, "round-robin", Rng(1));
  nodes[0]->set_share(1);
  balancer.refresh();
  CHECK(shares(balancer, 31 * 10) == Shares{10, 100, 200, 0});
  nodes[0]->set_share(5);
  balancer.refresh();
  CHECK(shares(balancer, 35 * 10) == Shares{50, 100, 200, 0});
  nodes[0]->set_share(10);
  balancer.refresh();
  CHECK(shares(balancer, 4 * 10) == Shares{10, 10, 20, 0});
}

TEST_CASE("a slow start: least-connections keeps a part of the load at the node, and a part of the turns") {
  const Nodes nodes = equal_nodes(2);
  Balancer balancer(nodes, "least-connections", Rng(1));
  nodes[0]->set_share(2);
  balancer.refresh();
  const Shares idle = shares(balancer, 1200);
  CHECK(idle[0] >= 195);
  CHECK(idle[0] <= 205);
  std::vector<Lease> held;
  for (int i = 0; i < 60; ++i) held.emplace_back(nodes[*balancer.pick()]);
  CHECK(nodes[0]->in_flight() == 10);
  CHECK(nodes[1]->in_flight() == 50);
}

TEST_CASE("a slow start makes no difference to consistent hashing") {
  const Nodes nodes = equal_nodes(5);
  Balancer balancer(nodes, "consistent-hash", Rng(1));
  const auto before = placement(balancer, 2000);
  nodes[2]->set_share(1);
  balancer.refresh();
  CHECK(placement(balancer, 2000) == before);
}

}  // namespace weir::balancer
