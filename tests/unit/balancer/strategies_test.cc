// What holds for every strategy, whatever it is called.
#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {

TEST_CASE("every listed strategy can be made, and nothing else") {
  REQUIRE(strategy_names().size() == 3);
  CHECK(strategy_names().front() == "round-robin");
  for (const auto name : strategy_names()) CHECK(make_strategy(name) != nullptr);
  CHECK(make_strategy("") == nullptr);
  CHECK(make_strategy("round-robin ") == nullptr);
}

TEST_CASE("a strategy takes a request's key where its picks depend on one") {
  for (const auto name : strategy_names()) {
    std::array<std::size_t, 2> by_key{};
    for (const std::uint64_t key : {0, 1}) {
      Balancer balancer(equal_nodes(1000), name, Rng(1));
      by_key[key] = *balancer.pick({nth_key(key), {}});
    }
    INFO(name);
    CHECK(takes_key(name) == (by_key[0] != by_key[1]));
  }
  CHECK_FALSE(takes_key("no such strategy"));
}

TEST_CASE("every strategy: an empty pool has no node") {
  for (const auto name : strategy_names()) {
    Balancer balancer(Nodes{}, name, Rng(1));
    CHECK_FALSE(balancer.pick().has_value());
    balancer.refresh();
    CHECK_FALSE(balancer.pick().has_value());
    CHECK(balancer.size() == 0);
  }
}

TEST_CASE("every strategy: a single node gets everything, and nothing once it was tried") {
  for (const auto name : strategy_names()) {
    Balancer balancer(nodes_of({5}), name, Rng(1));
    CHECK(shares(balancer, 100) == Shares{100, 0});
    const std::size_t tried[] = {0};
    CHECK(shares(balancer, 100, tried) == Shares{0, 100});
    CHECK(shares(balancer, 100) == Shares{100, 0});
  }
}

TEST_CASE("every strategy: nodes that went down get nothing, refreshed or not, and come back") {
  for (const auto name : strategy_names()) {
    for (const std::vector<std::uint32_t>& weights : {std::vector<std::uint32_t>{1, 1, 1, 1}, {9, 3, 1, 1}}) {
      const Nodes nodes = nodes_of(weights);
      Balancer balancer(nodes, name, Rng(1));
      nodes[0]->set_health(Health::down);
      nodes[2]->set_operator(Operator::drain);
      for (int refreshed = 0; refreshed < 2; ++refreshed) {
        const Shares counted = shares(balancer, 1000);
        CHECK(counted[0] == 0);
        CHECK(counted[2] == 0);
        CHECK(counted[1] > 300);
        CHECK(counted[3] > 150);
        CHECK(counted[4] == 0);
        balancer.refresh();
      }
      CHECK(balancer.eligible_size() == 2);
      nodes[0]->set_health(Health::up);
      nodes[2]->set_operator(Operator::active);
      balancer.refresh();
      const Shares counted = shares(balancer, 1400);
      for (std::size_t i = 0; i < 4; ++i) CHECK(counted[i] > 50);
    }
  }
}

TEST_CASE("every strategy: all down gives nothing at once, then all are back") {
  for (const auto name : strategy_names()) {
    for (const std::size_t size : {3u, 1000u}) {
      const Nodes nodes = equal_nodes(size);
      Balancer balancer(nodes, name, Rng(1));
      for (const auto& node : nodes) node->set_ejection(Ejection::ejected);
      CHECK_FALSE(balancer.pick().has_value());
      balancer.refresh();
      CHECK_FALSE(balancer.pick().has_value());
      CHECK(balancer.eligible_size() == 0);
      for (const auto& node : nodes) node->set_ejection(Ejection::none);
      balancer.refresh();
      CHECK(shares(balancer, 1000)[size] == 0);
    }
  }
}

TEST_CASE("every strategy: tried nodes are left out until none is left") {
  for (const auto name : strategy_names()) {
    Balancer balancer(nodes_of({100, 10, 1, 1, 1}), name, Rng(3));
    for (std::size_t request = 0; request < 200; ++request) {
      std::vector<std::size_t> tried;
      while (const auto node = balancer.pick({.hash = nth_key(request), .tried = tried})) {
        REQUIRE(std::find(tried.begin(), tried.end(), *node) == tried.end());
        tried.push_back(*node);
      }
      REQUIRE(tried.size() == 5);
    }
  }
}

TEST_CASE("every strategy: a retry goes on to others, spread over them") {
  for (const auto name : strategy_names()) {
    Balancer balancer(equal_nodes(5), name, Rng(3));
    Shares second(5);
    for (std::size_t request = 0; request < 5000; ++request) {
      const std::size_t tried[] = {0};
      ++second[balancer.pick({.hash = nth_key(request), .tried = tried}).value()];
    }
    CHECK(second[0] == 0);
    for (std::size_t i = 1; i < 5; ++i) {
      CHECK(second[i] > 1150);
      CHECK(second[i] < 1350);
    }
  }
}

TEST_CASE(
    "every strategy: no request goes without a node while one takes requests, whoever has heard of it") {
  for (const std::string_view name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    nodes[1]->set_operator(Operator::drain);
    nodes[2]->set_operator(Operator::drain);
    Balancer balancer(nodes, name, Rng(1));
    nodes[1]->set_operator(Operator::active);
    nodes[0]->set_operator(Operator::down);
    CHECK(balancer.pick({.hash = nth_key(1)}) == 1);
    nodes[1]->set_operator(Operator::drain);
    CHECK_FALSE(balancer.pick({.hash = nth_key(1)}));
  }
}

TEST_CASE("every strategy: of 10,000 nodes with one left, that one gets all") {
  for (const auto name : strategy_names()) {
    const Nodes nodes = equal_nodes(10000);
    Balancer balancer(nodes, name, Rng(1));
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (i != 7777) nodes[i]->set_health(Health::down);
    }
    CHECK(shares(balancer, 50)[7777] == 50);
    balancer.refresh();
    CHECK(shares(balancer, 1000)[7777] == 1000);
  }
}

TEST_CASE("every strategy: the same seed replays the same picks") {
  for (const auto name : strategy_names()) {
    Balancer one(nodes_of({5, 1, 1, 3}), name, Rng(9));
    Balancer same(nodes_of({5, 1, 1, 3}), name, Rng(9));
    for (std::size_t i = 0; i < 500; ++i)
      REQUIRE(one.pick({.hash = nth_key(i)}) == same.pick({.hash = nth_key(i)}));
  }
}

TEST_CASE("every strategy: workers pick while another thread changes the nodes") {
  for (const auto name : strategy_names()) {
    const Nodes nodes = nodes_of({1, 2, 3, 4, 5, 6, 7, 8});
    const auto set = std::make_shared<const NodeSet>(nodes);
    std::atomic<std::size_t> picked = 0;
    {
      std::vector<std::jthread> workers;
      for (std::uint64_t worker = 0; worker < 3; ++worker) {
        workers.emplace_back([&, worker] {
          Balancer balancer(set, name, Rng(worker));
          std::vector<Lease> held(20);
          for (std::size_t i = 0; i < 5000; ++i) {
            if (const auto node = balancer.pick({.hash = nth_key(i)})) {
              held[i % held.size()] = Lease(balancer.node(*node));
              picked.fetch_add(1, std::memory_order_relaxed);
            }
            if (i % 50 == 0) balancer.refresh();
          }
        });
      }
      workers.emplace_back([&] {
        Rng rng(99);
        for (int i = 0; i < 5000; ++i) {
          nodes[rng.below(7)]->set_health(rng.below(2) == 0 ? Health::down : Health::up);
          nodes[rng.below(8)]->set_weight(1 + rng.below(10));
        }
      });
    }
    CHECK(picked == 15000);  // the eighth node never goes down
    for (const auto& node : nodes) CHECK(node->in_flight() == 0);
  }
}

}  // namespace weir::balancer
