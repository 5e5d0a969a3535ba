#include <algorithm>
#include <cmath>

#include "balancer/least_connections.h"
#include "balancer/weighted_draw.h"
#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {
namespace {

Balancer least_connections(const Nodes& nodes, std::uint64_t seed = 1) {
  return {nodes, "least-connections", Rng(seed)};
}

// Picks so many nodes and keeps every one busy.
std::vector<Lease> occupy(Balancer& balancer, std::size_t requests) {
  std::vector<Lease> held;
  for (std::size_t i = 0; i < requests; ++i) held.emplace_back(balancer.node(balancer.pick().value()));
  return held;
}

Shares loads(const Nodes& nodes) {
  Shares counted;
  for (const auto& node : nodes) counted.push_back(node->in_flight());
  return counted;
}

}  // namespace

TEST_CASE("least connections: the idle node among busy ones is found") {
  for (const std::size_t size : {2u, 100u, 256u}) {
    const Nodes nodes = equal_nodes(size);
    auto balancer = least_connections(nodes);
    std::vector<Lease> held;
    for (std::size_t i = 0; i < size; ++i) {
      if (i != size / 2) held.emplace_back(nodes[i]);
    }
    for (int i = 0; i < 10; ++i) CHECK(balancer.pick() == size / 2);
  }
}

TEST_CASE("least connections: what is held is level, by weight") {
  const Nodes equal = equal_nodes(5);
  auto even = least_connections(equal);
  const auto held = occupy(even, 50);
  CHECK(loads(equal) == Shares{10, 10, 10, 10, 10});

  const Nodes weighted = nodes_of({4, 2, 1, 1});
  auto uneven = least_connections(weighted);
  const auto held_too = occupy(uneven, 80);
  CHECK(loads(weighted) == Shares{40, 20, 10, 10});
}

TEST_CASE("least connections: level nodes take turns by weight") {
  auto equal = least_connections(equal_nodes(4));
  CHECK(shares(equal, 400) == Shares{100, 100, 100, 100, 0});
  auto weighted = least_connections(nodes_of({3, 1}));
  const Shares counted = shares(weighted, 4000);
  CHECK(counted[0] >= 2999);
  CHECK(counted[0] <= 3001);
  CHECK(longest_run(letters(weighted, 400), 'a') <= 4);
}

TEST_CASE("least connections: level nodes take turns beside a busy one") {
  const Nodes nodes = equal_nodes(4);
  auto balancer = least_connections(nodes);
  const Lease busy(nodes[1]);
  CHECK(shares(balancer, 300) == Shares{100, 0, 100, 100, 0});
}

TEST_CASE("least connections: a node that was busy for long does not get a burst afterwards") {
  const Nodes nodes = equal_nodes(4);
  auto balancer = least_connections(nodes);
  Lease busy(nodes[1]);
  shares(balancer, 3000);
  busy.release();
  const Shares counted = shares(balancer, 400);
  CHECK(counted[1] >= 95);
  CHECK(counted[1] <= 105);
}

TEST_CASE("least connections: load is counted over all workers") {
  const Nodes nodes = equal_nodes(6);
  auto one = least_connections(nodes, 1);
  auto other = least_connections(nodes, 2);
  std::vector<Lease> held;
  for (int i = 0; i < 30; ++i) {
    Balancer& worker = i % 3 == 0 ? one : other;
    held.emplace_back(nodes[worker.pick().value()]);
  }
  CHECK(loads(nodes) == Shares{5, 5, 5, 5, 5, 5});
}

TEST_CASE("least connections: a slow node gets few of the requests") {
  // One request arrives each tick; a node holds it for 1 tick, the slow one for 40.
  const Nodes nodes = equal_nodes(4);
  auto balancer = least_connections(nodes);
  std::vector<std::pair<int, Lease>> held;
  Shares counted(4);
  for (int tick = 0; tick < 4000; ++tick) {
    std::erase_if(held, [&](const auto& one) { return one.first <= tick; });
    const std::size_t node = balancer.pick().value();
    ++counted[node];
    held.emplace_back(tick + (node == 0 ? 40 : 1), nodes[node]);
  }
  CHECK(counted[0] <= 100);
  for (std::size_t i = 1; i < 4; ++i) CHECK(counted[i] > 1250);
}

TEST_CASE("least connections: a slow node is not first whenever it is level") {
  // One of three is ten times slower, at 250 requests a second: a tick is 1 ms.
  const Nodes nodes = equal_nodes(3);
  auto balancer = least_connections(nodes);
  std::vector<std::pair<int, Lease>> held;
  Shares counted(3);
  Rng rng(7);
  for (int tick = 0; tick < 400'000; tick += 4) {
    std::erase_if(held, [&](const auto& one) { return one.first <= tick; });
    const std::size_t node = balancer.pick().value();
    ++counted[node];
    const int took = 14 + static_cast<int>(rng.below(13));
    held.emplace_back(tick + (node == 0 ? 10 * took : took), nodes[node]);
  }
  CHECK(counted[0] < 5400);  // of 100,000
  CHECK(counted[0] > 4000);
}

TEST_CASE("least connections: a node down, then back") {
  const Nodes nodes = equal_nodes(4);
  auto balancer = least_connections(nodes);
  nodes[3]->set_operator(Operator::down);
  balancer.refresh();
  CHECK(shares(balancer, 300) == Shares{100, 100, 100, 0, 0});
  nodes[3]->set_operator(Operator::active);
  balancer.refresh();
  CHECK(shares(balancer, 400) == Shares{100, 100, 100, 100, 0});
}

TEST_CASE("least connections: beyond the exact size, idle shares stay even and loads stay level") {
  const std::size_t size = 10000;
  auto idle = least_connections(equal_nodes(size));
  const Shares counted = shares(idle, 10 * size);
  CHECK(*std::min_element(counted.begin(), counted.end() - 1) >= 6);
  CHECK(*std::max_element(counted.begin(), counted.end() - 1) <= 12);

  const Nodes nodes = equal_nodes(size);
  auto balancer = least_connections(nodes);
  const auto held = occupy(balancer, 10 * size);
  const Shares level = loads(nodes);
  CHECK(*std::min_element(level.begin(), level.end()) >= 8);
  CHECK(*std::max_element(level.begin(), level.end()) <= 11);
}

TEST_CASE("least connections: beyond the exact size, shares follow the weights") {
  std::vector<std::uint32_t> weights(2000, 1);
  for (std::size_t i = 0; i < 20; ++i) weights[i * 100] = 100;
  auto balancer = least_connections(nodes_of(weights));
  const Shares counted = shares(balancer, 39800);  // ten cycles
  std::size_t heavy = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(counted[i * 100] > 900);
    CHECK(counted[i * 100] < 1100);
    heavy += counted[i * 100];
  }
  CHECK(heavy > 19500);
  CHECK(heavy < 20500);
}

TEST_CASE("draws come as often as their weights say") {
  const std::vector<std::uint32_t> weights = {1, 2, 3, 4, 90, 1000, 1, 99};
  WeightedDraw draw;
  draw.rebuild(weights);
  Rng rng(4);
  std::vector<double> counted(weights.size());
  for (int i = 0; i < 1'200'000; ++i) ++counted[draw.draw(rng)];
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = weights[i] * 1000.0;
    CHECK(std::abs(counted[i] - expected) < 5 * std::sqrt(expected));
  }
}

}  // namespace weir::balancer
