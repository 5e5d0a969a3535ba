#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {
namespace {

Balancer round_robin(const Nodes& nodes, std::uint64_t seed = 1) {
  return {nodes, "round-robin", Rng(seed)};
}

}  // namespace

TEST_CASE("round robin: equal nodes follow each other") {
  auto balancer = round_robin(equal_nodes(4));
  const std::string picks = letters(balancer, 40);
  for (std::size_t i = 4; i < picks.size(); ++i) CHECK(picks[i] == picks[i - 4]);
  CHECK(std::set<char>(picks.begin(), picks.begin() + 4).size() == 4);
}

TEST_CASE("round robin: from any start, every window of one cycle holds each node exactly by its weight") {
  const std::vector<std::vector<std::uint32_t>> pools = {
      {5, 1, 1}, {1, 2, 3, 4}, {7, 7, 3, 3, 3, 1}, {1000, 1}, {6, 4, 2}};
  for (const auto& weights : pools) {
    const std::size_t cycle = std::accumulate(weights.begin(), weights.end(), std::size_t{0});
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      auto balancer = round_robin(nodes_of(weights), seed);
      const std::string picks = letters(balancer, 3 * cycle);
      for (std::size_t start = 0; start + cycle <= picks.size(); start += 1 + cycle / 50) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const auto from = picks.begin() + static_cast<std::ptrdiff_t>(start);
          const auto got =
              std::count(from, from + static_cast<std::ptrdiff_t>(cycle), static_cast<char>('a' + i));
          REQUIRE(got == weights[i]);
        }
      }
    }
  }
}

TEST_CASE("round robin: a heavy node's turns are spread over the cycle") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto five = round_robin(nodes_of({5, 1, 1}), seed);
    CHECK(longest_run(letters(five, 70), 'a') == 3);  // five in two gaps: three at least
    auto two = round_robin(nodes_of({2, 1, 1}), seed);
    CHECK(longest_run(letters(two, 40), 'a') == 1);
    auto half = round_robin(nodes_of({50, 10, 20, 20}), seed);
    CHECK(longest_run(letters(half, 300), 'a') <= 2);
    auto most = round_robin(nodes_of({90, 10}), seed);
    CHECK(longest_run(letters(most, 300), 'a') == 9);
  }
}

TEST_CASE("round robin: no node is ever far from its due share") {
  const std::vector<std::uint32_t> weights = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  auto balancer = round_robin(nodes_of(weights));
  std::vector<double> got(weights.size());
  for (int pick = 1; pick <= 2310; ++pick) {
    ++got[balancer.pick().value()];
    for (std::size_t i = 0; i < weights.size(); ++i)
      REQUIRE(std::abs(got[i] - pick * weights[i] / sum) < 2.5);
  }
}

TEST_CASE("round robin: workers begin at different nodes") {
  std::set<std::size_t> first;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    first.insert(round_robin(equal_nodes(10), seed).pick().value());
  CHECK(first.size() == 10);
}

TEST_CASE("round robin: many workers with few requests each still share by weight") {
  const std::vector<std::vector<std::uint32_t>> pools = {{5, 1, 1}, {3, 1}, {1, 2, 3, 6}};
  for (const auto& weights : pools) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> counted(weights.size());
    for (std::uint64_t seed = 0; seed < 6000; ++seed)
      ++counted[round_robin(nodes_of(weights), seed).pick().value()];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double expected = 6000 * weights[i] / sum;
      CHECK(std::abs(counted[i] - expected) < 5 * std::sqrt(expected));
    }
  }
}

TEST_CASE("round robin: a node down, its share goes to the others by weight") {
  const Nodes nodes = nodes_of({4, 2, 2, 1});
  auto balancer = round_robin(nodes);
  nodes[0]->set_health(Health::down);
  balancer.refresh();
  CHECK(shares(balancer, 500) == Shares{0, 200, 200, 100, 0});
  nodes[0]->set_health(Health::up);
  balancer.refresh();
  CHECK(shares(balancer, 900) == Shares{400, 200, 200, 100, 0});
}

TEST_CASE("round robin: a node just down leaves equal shares to its equals before any refresh") {
  const Nodes nodes = equal_nodes(4);
  auto balancer = round_robin(nodes);
  nodes[1]->set_health(Health::down);
  CHECK(shares(balancer, 300) == Shares{100, 0, 100, 100, 0});
}

TEST_CASE("round robin: a changed weight counts from the refresh on") {
  const Nodes nodes = equal_nodes(2);
  auto balancer = round_robin(nodes);
  nodes[0]->set_weight(3);
  balancer.refresh();
  CHECK(shares(balancer, 400) == Shares{300, 100, 0});
}

TEST_CASE("round robin: retries between do not skew the shares of first attempts") {
  auto balancer = round_robin(equal_nodes(4));
  Shares all(4);
  for (int i = 0; i < 400; ++i) {
    const std::size_t first = balancer.pick().value();
    ++all[first];
    const std::size_t tried[] = {first};
    ++all[balancer.pick({.tried = tried}).value()];
  }
  CHECK(all == Shares{200, 200, 200, 200});
}

TEST_CASE("round robin: a tried node's turn is put off, not lost") {
  auto balancer = round_robin(equal_nodes(4));
  Shares all(4);
  const std::size_t two[] = {2};
  for (int i = 0; i < 400; ++i) {
    PickInput input;
    if (i % 3 == 0) input.tried = two;
    ++all[balancer.pick(input).value()];
  }
  for (const std::size_t share : all) {
    CHECK(share >= 85);
    CHECK(share <= 105);
  }
}

TEST_CASE("round robin: 10,000 nodes, equal and of a thousand weights, each exactly by weight") {
  auto equal = round_robin(equal_nodes(10000));
  Shares counted = shares(equal, 30000);
  CHECK(std::count(counted.begin(), counted.end() - 1, 3u) == 10000);

  std::vector<std::uint32_t> weights;
  std::size_t sum = 0;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    weights.push_back(1 + i % 97);
    sum += weights.back();
  }
  auto mixed = round_robin(nodes_of(weights));
  counted = shares(mixed, sum);
  for (std::size_t i = 0; i < weights.size(); ++i) REQUIRE(counted[i] == weights[i]);
}

}  // namespace weir::balancer
