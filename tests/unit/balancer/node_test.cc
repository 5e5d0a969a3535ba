#include "balancer/node.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/catch.h"

namespace weir::balancer {

TEST_CASE("a new node is active, unchecked, not ejected and eligible") {
  const Node node("10.0.0.1:80", 3);
  const NodeState state = node.state();
  CHECK(node.key() == "10.0.0.1:80");
  CHECK(state.operator_state == Operator::active);
  CHECK(state.health == Health::unknown);
  CHECK(state.ejection == Ejection::none);
  CHECK(state.weight == 3);
  CHECK(state.generation == 0);
  CHECK(node.eligible());
  CHECK(node.in_flight() == 0);
}

TEST_CASE("every combination of three of the words is eligible exactly as the design says") {
  for (const Operator by_operator : {Operator::active, Operator::drain, Operator::down}) {
    for (const Health health : {Health::unknown, Health::up, Health::down, Health::awaited}) {
      for (const Ejection ejection : {Ejection::none, Ejection::probation, Ejection::ejected}) {
        Node node("n");
        node.set_operator(by_operator);
        node.set_health(health);
        node.set_ejection(ejection);
        const bool expected = by_operator == Operator::active && health != Health::down &&
                              health != Health::awaited && ejection != Ejection::ejected;
        CHECK(node.eligible() == expected);
        CHECK(node.state().eligible() == expected);
        CHECK(node.state().operator_state == by_operator);
        CHECK(node.state().health == health);
        CHECK(node.state().ejection == ejection);
      }
    }
  }
}

TEST_CASE("a node that says drain or maint of itself is barred, and no pardon helps") {
  Node node("n");
  node.set_health(Health::down, Verdict::soft);
  node.pardon();
  CHECK(node.eligible());
  for (const Agent said : {Agent::drain, Agent::maint}) {
    CHECK(node.set_agent(said));
    CHECK_FALSE(node.set_agent(said));
    CHECK_FALSE(node.eligible());
    CHECK(node.state().bar() == Bar::hard);
    CHECK(node.state().agent == said);
    CHECK(node.state().drains() == (said == Agent::drain));
  }
  CHECK(node.set_agent(Agent::up));
  CHECK(node.eligible());
}

TEST_CASE("a node's own weight is the one that counts, unless an operator holds another") {
  Node node("n", 5);
  for (const std::uint32_t said : {1U, 7U, 1000U}) {
    node.set_agent(Agent::up, said);
    CHECK(node.weight() == said);
    CHECK(node.state().weight == 5);
  }
  node.set_weight(65535, Node::Weight::held);
  CHECK(node.weight() == 65535);
  node.set_weight(4);
  CHECK(node.weight() == 1000);
  node.set_agent(Agent::up);
  CHECK(node.weight() == 4);
}

TEST_CASE("a node may begin awaited: not eligible until its health says otherwise") {
  Node node("n", 2, Health::awaited);
  CHECK(node.state().health == Health::awaited);
  CHECK(node.weight() == 2);
  CHECK_FALSE(node.eligible());
  node.set_health(Health::unknown);
  CHECK(node.eligible());
}

TEST_CASE("the states have the words that users read") {
  CHECK(word(Operator::active) == "active");
  CHECK(word(Operator::drain) == "drain");
  CHECK(word(Operator::down) == "down");
  CHECK(word(Agent::up) == "up");
  CHECK(word(Agent::drain) == "drain");
  CHECK(word(Agent::maint) == "maint");
  CHECK(word(Health::unknown) == "unknown");
  CHECK(word(Health::awaited) == "unknown");
  CHECK(word(Health::up) == "up");
  CHECK(word(Health::down) == "down");
  CHECK(word(Ejection::none) == "none");
  CHECK(word(Ejection::probation) == "probation");
  CHECK(word(Ejection::ejected) == "ejected");
}

TEST_CASE("a setter says whether it changed anything, and only a change raises the generation") {
  Node node("n");
  CHECK(node.set_health(Health::down));
  CHECK_FALSE(node.set_health(Health::down));
  CHECK(node.state().generation == 1);
  CHECK(node.set_weight(9));
  CHECK_FALSE(node.set_weight(9));
  CHECK_FALSE(node.set_operator(Operator::active));
  CHECK(node.state().generation == 2);
  CHECK(node.state().health == Health::down);
  CHECK(node.weight() == 9);
}

TEST_CASE("soft verdicts alone are what a pardon sets aside") {
  for (const Verdict health : {Verdict::soft, Verdict::hard})
    for (const Verdict ejection : {Verdict::soft, Verdict::hard})
      for (const bool down : {false, true})
        for (const bool ejected : {false, true}) {
          Node node("n");
          if (down) node.set_health(Health::down, health);
          if (ejected) node.set_ejection(Ejection::ejected, ejection);
          const bool hard = (down && health == Verdict::hard) || (ejected && ejection == Verdict::hard);
          const Bar bar = hard ? Bar::hard : down || ejected ? Bar::soft : Bar::none;
          CHECK(node.state().bar() == bar);
          CHECK(node.eligible() == (bar == Bar::none));
          CHECK(node.pardon());
          CHECK_FALSE(node.pardon());
          CHECK(node.eligible() == (bar != Bar::hard));
          CHECK(node.state().eligible() == node.eligible());
          CHECK(node.state().bar() == bar);
          node.set_operator(Operator::drain);
          CHECK_FALSE(node.eligible());
          node.set_operator(Operator::active);
          CHECK(node.end_pardon());
          CHECK(node.eligible() == (bar == Bar::none));
        }
  Node awaited("n", 1, Health::awaited);
  awaited.pardon();
  CHECK_FALSE(awaited.eligible());
}

TEST_CASE("a suspect and a node on probation are eligible, and not trusted") {
  Node node("n");
  CHECK(node.trusted());
  CHECK(node.suspect());
  CHECK_FALSE(node.suspect());
  CHECK(node.eligible());
  CHECK_FALSE(node.trusted());
  CHECK(node.state().suspect);
  CHECK(node.clear_of_suspicion());
  CHECK_FALSE(node.clear_of_suspicion());
  CHECK(node.trusted());
  node.set_ejection(Ejection::probation);
  CHECK(node.eligible());
  CHECK_FALSE(node.trusted());
  CHECK(node.acquit());
  CHECK_FALSE(node.acquit());
  CHECK(node.trusted());
  CHECK(node.state().share == NodeState::kFullShare);
  node.set_share(3);
  CHECK(node.state().share == 3);
  CHECK(node.weight() == 1);
  CHECK(node.trusted());
}

TEST_CASE("a node is ejected once, by whoever is first, and readmitted once") {
  auto node = std::make_shared<Node>("n");
  std::atomic<int> ejected = 0, readmitted = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 20000; ++i) {
          ejected += node->eject(i % 2 == 0 ? Verdict::soft : Verdict::hard) ? 1 : 0;
          readmitted += node->readmit(i % 3 == 0 ? Ejection::probation : Ejection::none) ? 1 : 0;
        }
      });
  }
  CHECK(ejected == readmitted + (node->state().ejection == Ejection::ejected ? 1 : 0));
  Node once("n");
  CHECK(once.eject(Verdict::soft));
  CHECK_FALSE(once.eject(Verdict::hard));
  CHECK(once.state().ejection_verdict == Verdict::hard);
  CHECK_FALSE(once.eject(Verdict::soft));
  CHECK(once.state().ejection_verdict == Verdict::hard);
  CHECK(once.readmit(Ejection::probation));
  CHECK_FALSE(once.readmit(Ejection::none));
  CHECK(once.state().ejection == Ejection::probation);
}

TEST_CASE("weights are kept between 1 and the largest") {
  CHECK(Node("n", 0).weight() == 1);
  CHECK(Node("n", 1000).weight() == 1000);
  CHECK(Node("n", 4'000'000'000).weight() == Node::kMaxWeight);
  CHECK(Node("n", 4'000'000'000).eligible());
}

TEST_CASE("setters of different words on different threads lose nothing") {
  Node node("n");
  constexpr int kRounds = 20000;  // even: each ends as it began
  {
    std::jthread one([&] {
      for (int i = 0; i < kRounds; ++i) node.set_health(i % 2 == 0 ? Health::down : Health::up);
    });
    std::jthread two([&] {
      for (int i = 0; i < kRounds; ++i) node.set_ejection(i % 2 == 0 ? Ejection::ejected : Ejection::none);
    });
    std::jthread three([&] {
      for (int i = 0; i < kRounds; ++i) node.set_weight(i % 2 == 0 ? 65535 : 7);
    });
  }
  CHECK(node.state().health == Health::up);
  CHECK(node.state().ejection == Ejection::none);
  CHECK(node.state().operator_state == Operator::active);
  CHECK(node.weight() == 7);
  CHECK(node.state().generation == 3 * kRounds);
}

TEST_CASE("a lease holds one share of in-flight and gives it back once") {
  auto node = std::make_shared<Node>("n");
  Lease empty;
  CHECK_FALSE(empty);
  {
    Lease one(node);
    CHECK(node->in_flight() == 1);
    Lease two(*node);
    CHECK(node->in_flight() == 2);
    Lease moved(std::move(one));
    CHECK_FALSE(one);  // NOLINT(bugprone-use-after-move): a moved-from Lease is empty by contract
    CHECK(moved.node() == node.get());
    CHECK(node->in_flight() == 2);
    two = std::move(moved);
    CHECK(node->in_flight() == 1);
    two.release();
    two.release();
    CHECK(node->in_flight() == 0);
  }
  CHECK(node->in_flight() == 0);
}

TEST_CASE("a lease keeps its node alive") {
  auto node = std::make_shared<Node>("n");
  const std::weak_ptr<Node> seen = node;
  Lease lease(std::move(node));
  CHECK_FALSE(seen.expired());
  lease.release();
  CHECK(seen.expired());
}

TEST_CASE("leases on many threads end at zero") {
  auto node = std::make_shared<Node>("n");
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([node] {
        std::vector<Lease> held(16);
        for (std::size_t i = 0; i < 20000; ++i) held[i % held.size()] = i % 3 == 0 ? Lease() : Lease(node);
      });
    }
  }
  CHECK(node->in_flight() == 0);
}

TEST_CASE("a limit on in-flight is exact over threads") {
  auto node = std::make_shared<Node>("n");
  constexpr std::uint64_t kLimit = 3;
  std::atomic<std::uint64_t> held = 0;
  std::atomic<std::uint64_t> most = 0;
  std::atomic<std::uint64_t> granted = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20000; ++i) {
          auto lease = Lease::try_acquire(node, kLimit);
          if (!lease) continue;
          granted.fetch_add(1);
          const std::uint64_t now = held.fetch_add(1) + 1;
          std::uint64_t seen = most.load();
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
          held.fetch_sub(1);
        }
      });
    }
  }
  CHECK(most <= kLimit);
  CHECK(granted > 0);
  CHECK(node->in_flight() == 0);

  std::vector<Lease> full;
  for (std::uint64_t i = 0; i < kLimit; ++i) full.push_back(std::move(*Lease::try_acquire(node, kLimit)));
  CHECK_FALSE(Lease::try_acquire(node, kLimit).has_value());
  full.pop_back();
  CHECK(Lease::try_acquire(node, kLimit).has_value());
  CHECK_FALSE(Lease::try_acquire(node, 0).has_value());
}

}  // namespace weir::balancer
