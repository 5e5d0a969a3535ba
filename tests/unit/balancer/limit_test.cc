// A node's limit: at it the node gets nothing, whatever the strategy, and the count never passes it.
#include <atomic>
#include <thread>

#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {

TEST_CASE("every strategy: a node at its limit gets nothing, and work again once it has room") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    Balancer balancer(nodes, name, Rng(1));
    const Lease others[] = {Lease(*nodes[0]), Lease(*nodes[2])};
    nodes[1]->set_limit(2);
    balancer.refresh();
    auto first = Lease::try_acquire(*nodes[1]);
    CHECK(shares(balancer, 3000)[1] > 500);
    auto second = Lease::try_acquire(*nodes[1]);
    CHECK(first);
    CHECK(second);
    CHECK_FALSE(Lease::try_acquire(*nodes[1]));
    const Shares counted = shares(balancer, 3000);
    CHECK(counted[1] == 0);
    CHECK(counted[3] == 0);
    second->release();
    CHECK(shares(balancer, 3000)[1] > 500);
    nodes[1]->set_limit(1);
    CHECK(shares(balancer, 3000)[1] == 0);
    nodes[1]->set_limit(Node::kUnlimited);
    CHECK(shares(balancer, 3000)[1] > 500);
  }
}

TEST_CASE("every strategy: where all nodes are at their limits there is none") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(2);
    Balancer balancer(nodes, name, Rng(1));
    for (const auto& node : nodes) node->set_limit(1);
    Lease first(*nodes[0]), second(*nodes[1]);
    CHECK(shares(balancer, 100)[2] == 100);
  }
}

TEST_CASE("a node that is held back does not get what others are only too full for") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(2);
    Balancer balancer(nodes, name, Rng(1));
    nodes[0]->set_limit(1);
    nodes[1]->suspect();
    balancer.refresh();
    Lease lease(*nodes[0]);
    CHECK(shares(balancer, 100)[2] == 100);
    const std::size_t tried[] = {0};
    CHECK(shares(balancer, 100, tried)[1] == 100);  // to this one the other is no hope
  }
}

TEST_CASE("a node that is held back is not tried out while it is at its limit") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(2);
    nodes[1]->suspect();
    nodes[1]->set_limit(1);
    Balancer balancer(nodes, name, Rng(1));
    Lease lease(*nodes[1]);
    for (std::size_t i = 0; i < 100; ++i)
      CHECK(balancer.pick({.hash = nth_key(i), .now = 1'000'000'000}) == std::size_t{0});
  }
}

TEST_CASE("threads never hold more than the limit together, whatever it becomes meanwhile") {
  Node node("a");
  node.set_limit(3);
  std::atomic<std::uint64_t> held{0}, most{0}, taken{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 20'000; ++round)
          if (auto lease = Lease::try_acquire(node)) {
            const std::uint64_t now = ++held;
            std::uint64_t seen = most;
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            ++taken;
            --held;
          }
      });
  }
  CHECK(most <= 3);
  CHECK(taken > 0);
  CHECK(node.in_flight() == 0);
}

}  // namespace weir::balancer
