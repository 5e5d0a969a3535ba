// Tiers: which share of the work each takes, exactly, with nodes down, held back or starting slowly; backups;
// and where a request goes that tries again.
#include <numeric>

#include "balancer/spill_over.h"
#include "tests/unit/balancer/fixture.h"
#include "tests/unit/catch.h"

namespace weir::balancer {
namespace {

constexpr std::int64_t kOneSecond = 1'000'000'000;

using Parts = std::vector<std::uint32_t>;

Parts spill(std::vector<TierStrength> tiers) {
  return spill_over(tiers);
}

Balancer tiered(const Nodes& nodes, std::vector<Level> levels, std::string_view strategy) {
  return Balancer(std::make_shared<const NodeSet>(nodes, std::move(levels)), strategy, Rng(7));
}

// Of so many requests, by tier.
std::size_t of(const Shares& counted, std::initializer_list<std::size_t> nodes) {
  std::size_t sum = 0;
  for (const std::size_t node : nodes) sum += counted[node];
  return sum;
}

void go_down(const Nodes& nodes, Balancer& balancer, std::initializer_list<std::size_t> which) {
  for (const std::size_t node : which) nodes[node]->set_health(Health::down);
  balancer.refresh();
}

// Keyed strategies draw tiers by keys, so that shares are as even as the keys' hashes.
bool is_about(std::size_t count, std::size_t expected, std::string_view strategy) {
  if (!takes_key(strategy)) return count == expected;
  return count * 100 > expected * 96 && count * 100 < expected * 104;
}

}  // namespace

// ---- the shares

TEST_CASE("a tier takes everything while 71 % of it can take work, and then 1.4 times what can") {
  CHECK(spill({{10, 10}, {10, 10}}) == Parts{1, 0});
  CHECK(spill({{5, 7}, {1, 1}}) == Parts{1, 0});  // 1.4 times 5/7 is 1
  CHECK(spill({{72, 100}, {1, 1}}) == Parts{1, 0});
  CHECK(spill({{70, 100}, {1, 1}}) == Parts{49, 1});
  CHECK(spill({{1, 2}, {2, 2}}) == Parts{7, 3});
  CHECK(spill({{1, 4}, {2, 2}}) == Parts{7, 13});
  CHECK(spill({{0, 4}, {2, 2}}) == Parts{0, 1});
}

TEST_CASE("what is left goes on from tier to tier") {
  CHECK(spill({{1, 2}, {1, 7}, {1, 1}}) == Parts{7, 2, 1});
  CHECK(spill({{1, 2}, {0, 7}, {1, 1}}) == Parts{7, 0, 3});
  CHECK(spill({{0, 2}, {0, 7}, {1, 3}}) == Parts{0, 0, 1});
}

TEST_CASE("where all together cannot take everything, they take more in proportion") {
  CHECK(spill({{1, 4}, {1, 4}}) == Parts{1, 1});
  CHECK(spill({{1, 2}, {1, 10}}) == Parts{5, 1});
  CHECK(spill({{0, 2}, {0, 2}}) == Parts{0, 0});
  CHECK(spill({}) == Parts{});
}

TEST_CASE("a tier of which next to nothing can take work still takes something") {
  const Parts parts = spill({{1, 1'000'000}, {1, 1}});
  CHECK(parts == Parts{1, 9999});
}

// ---- tiers

TEST_CASE("every strategy: a node that was tried may be one that is listed no longer") {
  for (const auto name : strategy_names()) {
    const Nodes nodes = equal_nodes(2);
    Balancer balancer = tiered(nodes, {0, 1}, name);
    const std::size_t tried[] = {1000};
    CHECK(balancer.pick({.hash = 1, .tried = tried}) == 0);
  }
}

TEST_CASE("every strategy: the first tier alone takes work while enough of it can") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(9);
    Balancer balancer = tiered(nodes, {0, 0, 0, 0, 0, 0, 0, 3, 3}, name);
    CHECK(of(shares(balancer, 7000), {7, 8}) == 0);
    go_down(nodes, balancer, {1, 2});  // five of seven are left
    const Shares counted = shares(balancer, 5000);
    CHECK(of(counted, {7, 8}) == 0);
    for (const std::size_t node : {0, 3, 4, 5, 6}) CHECK(counted[node] > 800);
  }
}

TEST_CASE(
    "every strategy: what a tier cannot take spills over to the next, by share and within it by strategy") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(6);
    Balancer balancer = tiered(nodes, {0, 0, 0, 0, 1, 1}, name);
    go_down(nodes, balancer, {2, 3});  // half: 70 %
    const Shares counted = shares(balancer, 20'000);
    CHECK(is_about(of(counted, {0, 1}), 14'000, name));
    CHECK(is_about(of(counted, {4, 5}), 6000, name));
    for (const std::size_t node : {0, 1}) CHECK(counted[node] > 6500);
    for (const std::size_t node : {4, 5}) CHECK(counted[node] > 2700);
    CHECK(counted[6] == 0);
  }
}

TEST_CASE("shares of tiers are exact over each of their cycles, and spread over it") {
  const Nodes nodes = equal_nodes(3);
  Balancer balancer = tiered(nodes, {0, 0, 1}, "round-robin");
  go_down(nodes, balancer, {1});  // seven of ten, and three
  for (int cycle = 0; cycle < 50; ++cycle) {
    const std::string picked = letters(balancer, 10);
    CHECK(std::count(picked.begin(), picked.end(), 'c') == 3);
    CHECK(longest_run(picked, 'c') == 1);
  }
}

TEST_CASE("every strategy: weights decide how much of a tier can take work") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = nodes_of({9, 1, 1});
    Balancer balancer = tiered(nodes, {0, 0, 1}, name);
    go_down(nodes, balancer, {1});  // nine tenths are left
    CHECK(shares(balancer, 5000)[2] == 0);
    nodes[1]->set_health(Health::up);
    go_down(nodes, balancer, {0});  // one tenth: 14 %
    const Shares counted = shares(balancer, 20'000);
    CHECK(is_about(counted[1], 2800, name));
    CHECK(is_about(counted[2], 17'200, name));
  }
}

TEST_CASE("every strategy: a tier that is drained as a whole hands everything to the next, gaps or not") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(5);
    Balancer balancer = tiered(nodes, {2, 2, 9, 9, 15}, name);
    for (const std::size_t node : {0, 1}) nodes[node]->set_operator(Operator::drain);
    balancer.refresh();
    const Shares counted = shares(balancer, 4000);
    CHECK(of(counted, {2, 3}) == 4000);
    for (const std::size_t node : {2, 3}) nodes[node]->set_operator(Operator::down);
    CHECK(shares(balancer, 1000)[4] == 1000);  // not told yet
    nodes[4]->set_operator(Operator::down);
    CHECK(shares(balancer, 100)[5] == 100);
  }
}

TEST_CASE("a slow start counts by what it allows") {
  const Nodes nodes = equal_nodes(4);
  Balancer balancer = tiered(nodes, {0, 0, 1, 1}, "round-robin");
  for (const std::size_t node : {0, 1}) nodes[node]->set_share(5);  // half of it all: 70 %
  balancer.refresh();
  const Shares counted = shares(balancer, 1000);
  CHECK(of(counted, {0, 1}) == 700);
  CHECK(of(counted, {2, 3}) == 300);
}

TEST_CASE("keys stay in their tier, and come back to it") {
  const Nodes nodes = equal_nodes(8);
  Balancer balancer = tiered(nodes, {0, 0, 0, 0, 1, 1, 1, 1}, "consistent-hash");
  constexpr std::size_t kKeys = 5000;
  const auto before = placement(balancer, kKeys);
  go_down(nodes, balancer, {0, 1});
  const auto meanwhile = placement(balancer, kKeys);
  CHECK(meanwhile == placement(balancer, kKeys));  // however often it is asked
  std::size_t spilled = 0;
  for (std::size_t i = 0; i < kKeys; ++i) {
    const bool first = meanwhile[i] == key_of(2) || meanwhile[i] == key_of(3);
    spilled += first ? 0 : 1;
    if (first && (before[i] == key_of(2) || before[i] == key_of(3))) CHECK(meanwhile[i] == before[i]);
  }
  CHECK(spilled > kKeys * 27 / 100);
  CHECK(spilled < kKeys * 33 / 100);
  go_down(nodes, balancer, {2});
  const auto later = placement(balancer, kKeys);
  for (std::size_t i = 0; i < kKeys; ++i)  // who has spilled over stays there
    if (meanwhile[i] != key_of(2) && meanwhile[i] != key_of(3)) CHECK(later[i] == meanwhile[i]);
  for (const std::size_t node : {0, 1, 2}) nodes[node]->set_health(Health::up);
  balancer.refresh();
  CHECK(placement(balancer, kKeys) == before);
}

TEST_CASE("two workers give a key to the same node, also where tiers spill") {
  const Nodes nodes = equal_nodes(6);
  const auto set = std::make_shared<const NodeSet>(nodes, std::vector<Level>{0, 0, 0, 1, 1, 1});
  Balancer one(set, "consistent-hash", Rng(1)), other(set, "consistent-hash", Rng(2));
  nodes[1]->set_health(Health::down);
  nodes[2]->set_health(Health::down);
  one.refresh();
  other.refresh();
  CHECK(placement(one, 2000) == placement(other, 2000));
}

// ---- backups

TEST_CASE("every strategy: backups take work only while no other node can, and then all of it by strategy") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(5);
    Balancer balancer = tiered(nodes, {0, 0, 1, kBackup, kBackup}, name);
    go_down(nodes, balancer, {0, 2});
    CHECK(of(shares(balancer, 2000), {1}) == 2000);  // half a tier is left of it all
    nodes[1]->set_health(Health::down);
    for (int round = 0; round < 2; ++round) {  // not told yet, and told
      const Shares counted = shares(balancer, 4000);
      CHECK(of(counted, {3, 4}) == 4000);
      CHECK(counted[3] > 1500);
      CHECK(counted[4] > 1500);
      balancer.refresh();
    }
    nodes[2]->set_health(Health::up);
    balancer.refresh();
    CHECK(shares(balancer, 1000)[2] == 1000);
  }
}

TEST_CASE("every strategy: a node that became usable is found before a backup is asked") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    Balancer balancer = tiered(nodes, {0, 0, kBackup}, name);
    go_down(nodes, balancer, {1});
    nodes[0]->set_health(Health::down);
    nodes[1]->set_health(Health::up);  // and nobody was told
    CHECK(shares(balancer, 100)[1] == 100);
  }
}

TEST_CASE("backups share by weight") {
  const Nodes nodes = nodes_of({1, 3, 1});
  Balancer balancer = tiered(nodes, {0, kBackup, kBackup}, "round-robin");
  go_down(nodes, balancer, {0});
  CHECK(shares(balancer, 400) == Shares{0, 300, 100, 0});
}

TEST_CASE("a pool of backups alone is as any pool") {
  const Nodes nodes = equal_nodes(2);
  Balancer balancer = tiered(nodes, {kBackup, kBackup}, "round-robin");
  CHECK(shares(balancer, 100) == Shares{50, 50, 0});
}

// ---- nodes that are full

TEST_CASE(
    "every strategy: what a full tier has no room for goes on to the next, and waits before it goes to "
    "backups") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(4);
    Balancer balancer = tiered(nodes, {0, 0, 1, kBackup}, name);
    for (const std::size_t node : {0, 1, 2}) nodes[node]->set_limit(1);
    balancer.refresh();
    const Lease first(nodes[0]), second(nodes[1]);
    CHECK(shares(balancer, 100)[2] == 100);
    const Lease third(nodes[2]);
    CHECK(shares(balancer, 100)[4] == 100);
    nodes[0]->set_health(Health::down);
    nodes[1]->set_health(Health::down);
    nodes[2]->set_health(Health::down);
    CHECK(shares(balancer, 100)[3] == 100);
  }
}

TEST_CASE("every strategy: another try waits for a node that is only full before it goes to a backup") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(4);
    Balancer balancer = tiered(nodes, {0, 0, kBackup, kBackup}, name);
    for (const std::size_t node : {1, 2}) nodes[node]->set_limit(1);
    balancer.refresh();
    Lease primary(nodes[1]);
    const std::size_t first[] = {0}, both[] = {0, 1}, backup[] = {0, 2};
    CHECK(shares(balancer, 100, first)[4] == 100);
    CHECK(shares(balancer, 100, backup)[4] == 100);
    CHECK(of(shares(balancer, 100, both), {2, 3}) == 100);
    const Lease full_backup(nodes[2]);
    CHECK(shares(balancer, 100, both)[3] == 100);  // backups wait for nobody
    primary.release();
    CHECK(shares(balancer, 100, first)[1] == 100);
    const Lease again(nodes[1]);
    nodes[1]->set_health(Health::down);
    CHECK(shares(balancer, 100, first)[3] == 100);
  }
}

// ---- nodes that are held back

TEST_CASE("every strategy: backups come before nodes that are held back, and those before none") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(4);
    Balancer balancer = tiered(nodes, {0, 0, kBackup, kBackup}, name);
    nodes[0]->suspect();
    nodes[1]->suspect();
    for (int round = 0; round < 2; ++round) {
      CHECK(of(shares(balancer, 1000), {2, 3}) == 1000);
      balancer.refresh();
    }
    nodes[2]->suspect();
    go_down(nodes, balancer, {3});
    CHECK(of(shares(balancer, 1000), {0, 1}) == 1000);  // all are suspect: backups wait again
  }
}

TEST_CASE("every strategy: a node of a tier that has no work left is tried out, once at a time") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    Balancer balancer = tiered(nodes, {0, 1, kBackup}, name);
    nodes[0]->set_ejection(Ejection::probation);
    balancer.refresh();
    std::size_t trials = 0;
    for (std::size_t i = 0; i < 100; ++i) {
      const auto node = balancer.pick({.hash = nth_key(i), .now = kOneSecond});
      trials += node == 0 ? 1 : 0;
      CHECK(node != std::optional<std::size_t>(2));
    }
    CHECK(trials == 1);
  }
}

TEST_CASE("every strategy: a node of a tier that has no work yet is not tried out") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(3);
    Balancer balancer = tiered(nodes, {0, 1, kBackup}, name);
    nodes[1]->set_ejection(Ejection::probation);
    nodes[2]->set_ejection(Ejection::probation);
    balancer.refresh();
    for (std::size_t i = 0; i < 100; ++i)
      CHECK(balancer.pick({.hash = nth_key(i), .now = 10 * kOneSecond}) == std::optional<std::size_t>(0));
  }
}

TEST_CASE("a node is tried out that came to probation without any other change") {
  const Nodes nodes = equal_nodes(2);
  Balancer balancer = tiered(nodes, {0, 1}, "round-robin");
  nodes[0]->set_ejection(Ejection::ejected);
  balancer.refresh();
  CHECK(shares(balancer, 10)[1] == 10);
  nodes[0]->set_ejection(Ejection::probation);
  balancer.refresh();
  CHECK(balancer.pick({.now = kOneSecond}) == std::optional<std::size_t>(0));
}

// ---- another try

TEST_CASE("every strategy: another try goes to its tier, those behind it, those before, then the backups") {
  for (const auto name : strategy_names()) {
    INFO(name);
    const Nodes nodes = equal_nodes(6);
    Balancer balancer = tiered(nodes, {0, 0, 1, 1, 2, kBackup}, name);
    const auto next = [&](std::vector<std::size_t> tried) {
      return balancer.pick({.hash = nth_key(3), .tried = tried}).value_or(99);
    };
    CHECK(next({0}) == 1);
    CHECK(next({1}) == 0);
    const std::size_t third = next({0, 1});
    CHECK((third == 2 || third == 3));
    CHECK(next({0, 1, 2, 3}) == 4);
    CHECK(next({0, 1, 2, 3, 4}) == 5);
    CHECK(next({0, 1, 2, 3, 4, 5}) == 99);
    CHECK(next({99}) <= 1);  // a node that was removed, and kept its sessions
    if (!takes_key(name)) {
      CHECK(next({2}) == 3);
      CHECK(next({2, 3}) == 4);
      CHECK(next({0, 2, 3, 4}) == 1);
    }
  }
}

}  // namespace weir::balancer
