#include <algorithm>
#include <cmath>
#include <numeric>

#include "balancer/slot_table.h"
#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {
namespace {

constexpr std::size_t kKeys = 20000;

Balancer consistent_hash(const Nodes& nodes, std::uint64_t seed = 1) {
  return {nodes, "consistent-hash", Rng(seed)};
}

// The share of the key space that each claimant owns, in parts of its due share: 1 is exact.
std::vector<double> parts(const std::vector<std::uint32_t>& weights) {
  std::vector<std::string> keys;
  std::vector<SlotTable::Claimant> claimants;
  for (std::size_t i = 0; i < weights.size(); ++i) keys.push_back(key_of(i));
  for (std::size_t i = 0; i < weights.size(); ++i) claimants.push_back({keys[i], weights[i]});
  const SlotTable table(claimants);
  std::vector<double> owned(weights.size());
  for (std::uint32_t slot = 0; slot < SlotTable::kSlots; ++slot) ++owned[table.owner(slot)];
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < owned.size(); ++i) owned[i] *= sum / weights[i] / SlotTable::kSlots;
  return owned;
}

}  // namespace

TEST_CASE("consistent hash: the placement is fixed for good") {
  auto balancer = consistent_hash(nodes_of({1, 1, 2}));
  std::string placed;
  for (std::size_t i = 0; i < 32; ++i)
    placed += static_cast<char>('a' + balancer.pick({.hash = nth_key(i)}).value());
  CHECK(placed == "aabbbaccccacbcaccbcccccccbaccaac");

  auto larger = consistent_hash(nodes_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 1000}));
  std::string all;
  for (const std::string& node : placement(larger, kKeys)) all += node + '\n';
  CHECK(hash(all) == 0xeea1c961a2ed5522);
}

TEST_CASE("consistent hash: workers, restarts and the order of nodes do not matter") {
  const Nodes nodes = nodes_of({1, 2, 3, 4, 5, 1, 1, 1});
  Nodes reversed(nodes.rbegin(), nodes.rend());
  auto one = consistent_hash(nodes, 1);
  auto other = consistent_hash(reversed, 2);
  CHECK(placement(one, kKeys) == placement(other, kKeys));
}

TEST_CASE(
    "consistent hash: the largest of 10 equal shares is within 10 % of the mean, whatever their names") {
  for (const std::string prefix : {"10.0.0.", "node-", "[2001:db8::1]:", ""}) {
    Nodes nodes;
    for (int i = 0; i < 10; ++i) nodes.push_back(std::make_shared<Node>(prefix + std::to_string(i)));
    auto balancer = consistent_hash(nodes);
    const Shares counted = shares(balancer, 100000);
    CHECK(*std::max_element(counted.begin(), counted.end() - 1) < 10600);
    CHECK(*std::min_element(counted.begin(), counted.end() - 1) > 9400);
  }
}

TEST_CASE("consistent hash: consecutive numbers for keys are spread as well as hashes") {
  auto balancer = consistent_hash(equal_nodes(10));
  Shares counted(10);
  for (std::size_t i = 0; i < 100000; ++i) ++counted[balancer.pick({.hash = i}).value()];
  CHECK(*std::max_element(counted.begin(), counted.end()) < 10600);
}

TEST_CASE("consistent hash: slots are owned by weight, as evenly as independent draws are") {
  const std::vector<std::vector<std::uint32_t>> pools = {{1, 1},
                                                         {3, 1},
                                                         {1000, 1000, 1000},
                                                         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
                                                         std::vector<std::uint32_t>(100, 7)};
  for (const auto& weights : pools) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    const auto owned = parts(weights);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double deviation = std::sqrt(sum / weights[i] / SlotTable::kSlots);
      CHECK(std::abs(owned[i] - 1) < 5 * deviation);
    }
  }
}

TEST_CASE("consistent hash: removing one of n nodes moves that node's keys and no others") {
  const Nodes all = nodes_of({1, 1, 1, 1, 1, 3, 1, 1, 2, 1});
  auto before = consistent_hash(all);
  const auto placed = placement(before, kKeys);
  for (std::size_t removed = 0; removed < all.size(); ++removed) {
    Nodes rest = all;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(removed));
    auto after = consistent_hash(rest);
    const auto moved = placement(after, kKeys);
    std::size_t orphans = 0;
    std::map<std::string, std::size_t> heirs;
    for (std::size_t i = 0; i < kKeys; ++i) {
      if (placed[i] == all[removed]->key()) {
        ++orphans;
        ++heirs[moved[i]];
      } else {
        REQUIRE(moved[i] == placed[i]);
      }
    }
    const double share = all[removed]->weight() / 13.0;
    CHECK(std::abs(static_cast<double>(orphans) - share * kKeys) < 0.1 * share * kKeys);
    CHECK(heirs.size() == 9);
  }
}

TEST_CASE(
    "consistent hash: a node added, or made heavier, takes keys from all and moves none between others") {
  const Nodes all = nodes_of({1, 1, 1, 1, 1});
  auto before = consistent_hash(all);
  const auto placed = placement(before, kKeys);
  Nodes more = all;
  more.push_back(std::make_shared<Node>("new", 1));
  auto joined = consistent_hash(more);
  auto placed_after = placement(joined, kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) REQUIRE((placed_after[i] == placed[i] || placed_after[i] == "new"));

  auto heavier = consistent_hash(nodes_of({1, 1, 4, 1, 1}));
  placed_after = placement(heavier, kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) {
    REQUIRE((placed_after[i] == placed[i] || placed_after[i] == all[2]->key()));
  }
}

TEST_CASE("consistent hash: a node down, its keys spread over all others; back, it has exactly its keys") {
  const Nodes nodes = equal_nodes(10);
  auto balancer = consistent_hash(nodes);
  const auto placed = placement(balancer, kKeys);
  nodes[4]->set_health(Health::down);
  balancer.refresh();
  const auto without = placement(balancer, kKeys);
  std::map<std::string, double> heirs;
  double orphans = 0;
  for (std::size_t i = 0; i < kKeys; ++i) {
    if (placed[i] == nodes[4]->key()) {
      ++heirs[without[i]];
      ++orphans;
    } else {
      REQUIRE(without[i] == placed[i]);
    }
  }
  CHECK(heirs.size() == 9);
  for (const auto& [heir, inherited] : heirs) CHECK(std::abs(inherited / orphans - 1.0 / 9) < 0.03);
  nodes[4]->set_health(Health::up);
  balancer.refresh();
  CHECK(placement(balancer, kKeys) == placed);
}

TEST_CASE(
    "consistent hash: a weight changed at run time leaves the placement alone until the pool is made anew") {
  const Nodes nodes = equal_nodes(5);
  auto balancer = consistent_hash(nodes);
  const auto placed = placement(balancer, 1000);
  nodes[0]->set_weight(50);
  balancer.refresh();
  CHECK(placement(balancer, 1000) == placed);
}

TEST_CASE("consistent hash: a tried node's key goes where it goes when that node is down") {
  const Nodes nodes = equal_nodes(10);
  auto balancer = consistent_hash(nodes);
  for (std::size_t i = 0; i < 500; ++i) {
    const std::size_t home = balancer.pick({.hash = nth_key(i)}).value();
    const std::size_t tried[] = {home};
    const auto retried = balancer.pick({.hash = nth_key(i), .tried = tried});
    nodes[home]->set_health(Health::down);
    REQUIRE(balancer.pick({.hash = nth_key(i)}) == retried);
    nodes[home]->set_health(Health::up);
  }
}

TEST_CASE("consistent hash: with few of many nodes left, keys are shared by weight and stay") {
  std::vector<std::uint32_t> weights(2000, 1);
  weights[100] = 2;
  const Nodes nodes = nodes_of(weights);
  auto balancer = consistent_hash(nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i != 100 && i != 900 && i != 1500) nodes[i]->set_health(Health::down);
  }
  balancer.refresh();
  const Shares counted = shares(balancer, 40000);
  CHECK(std::abs(static_cast<double>(counted[100]) - 20000) < 1000);
  CHECK(std::abs(static_cast<double>(counted[900]) - 10000) < 1000);
  auto other = consistent_hash(Nodes(nodes.rbegin(), nodes.rend()));
  CHECK(placement(balancer, 2000) == placement(other, 2000));
}

TEST_CASE("consistent hash: claimants of one name share its part, 10,000 nodes all get some") {
  auto twins = consistent_hash({std::make_shared<Node>("same"), std::make_shared<Node>("same")});
  const Shares counted = shares(twins, 10000);
  CHECK(counted[0] > 4700);
  CHECK(counted[1] > 4700);

  const auto owned = parts(std::vector<std::uint32_t>(10000, 1));
  CHECK(*std::min_element(owned.begin(), owned.end()) > 0.2);
  CHECK(*std::max_element(owned.begin(), owned.end()) < 2.2);
}

}  // namespace weir::balancer
