// What a configuration becomes: the nodes of a pool, and what each is called.
#include "proxy/core/snapshot.h"

#include "tests/unit/catch.h"

using namespace weir;

namespace {

core::Snapshot snapshot_of(std::initializer_list<std::string_view> nodes, const core::ResolvedNames& names) {
  config::Config config;
  config::Pool& pool = config.pools.emplace_back();
  pool.name = "app";
  for (std::string_view node : nodes) pool.nodes.push_back({*io::Address::parse(node), 1});
  core::NodeTable table(1);
  return {std::move(config), table, names};
}

std::vector<io::Ip> ips(std::initializer_list<std::string_view> texts) {
  std::vector<io::Ip> parsed;
  for (std::string_view text : texts) parsed.push_back(*io::Ip::parse(text));
  return parsed;
}

}  // namespace

TEST_CASE("a node is called as it is configured, wherever its name leads") {
  const auto snapshot =
      snapshot_of({"10.0.0.1:8000", "10.0.0.1:80", "[::1]:80", "unix:/run/app.sock", "app.test:8000",
                   "web.test:80", "none.test:80"},
                  {{"app.test", ips({"10.0.0.2", "::2"})}, {"web.test", ips({"10.0.0.2"})}});
  REQUIRE(snapshot.pools.size() == 1);
  CHECK(snapshot.pools[0].hosts == std::vector<std::string>{"10.0.0.1:8000", "10.0.0.1", "[::1]", "localhost",
                                                            "app.test:8000", "app.test:8000", "web.test"});
  CHECK(snapshot.pools[0].endpoints.size() == snapshot.pools[0].hosts.size());
}

TEST_CASE("two names of one address are one node, called by the first") {
  const auto snapshot = snapshot_of({"one.test:80", "two.test:80"},
                                    {{"one.test", ips({"10.0.0.1"})}, {"two.test", ips({"10.0.0.1"})}});
  CHECK(snapshot.pools[0].hosts == std::vector<std::string>{"one.test"});
}

TEST_CASE("a pool whose nodes stay the same keeps what was built for them") {
  core::NodeTable table(1);
  const auto compile = [&](std::uint32_t weight) {
    config::Config config;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    pool.strategy = "consistent-hash";
    pool.nodes.push_back({*io::Address::parse("10.0.0.1:80"), weight});
    return core::Snapshot(std::move(config), table, {});
  };
  const auto first = compile(1), same = compile(1), heavier = compile(2);
  CHECK(first.pools[0].nodes == same.pools[0].nodes);
  CHECK(first.pools[0].nodes != heavier.pools[0].nodes);
}

TEST_CASE("nodes stand in tiers as they are configured, and another tier makes another set of them") {
  core::NodeTable table(1);
  const auto compile = [&](std::uint32_t priority, bool backup) {
    config::Config config;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    pool.nodes = {{.address = *io::Address::parse("10.0.0.1:80")},
                  {.address = *io::Address::parse("two.test:80"), .priority = priority, .backup = backup}};
    return core::Snapshot(std::move(config), table, {{"two.test", ips({"10.0.0.2", "10.0.0.3"})}});
  };
  const auto flat = compile(0, false), tiered = compile(3, false), same = compile(3, false),
             backup = compile(0, true);
  const auto levels = [](const core::Snapshot& snapshot) {
    const balancer::NodeSet& nodes = *snapshot.pools[0].nodes;
    return std::vector<int>{nodes.level(0), nodes.level(1), nodes.level(2)};
  };
  CHECK_FALSE(flat.pools[0].nodes->is_tiered());
  CHECK(levels(tiered) == std::vector<int>{0, 3, 3});
  CHECK(levels(backup) == std::vector<int>{0, balancer::kBackup, balancer::kBackup});
  CHECK(tiered.pools[0].nodes == same.pools[0].nodes);
  CHECK(tiered.pools[0].nodes != flat.pools[0].nodes);
  CHECK(tiered.pools[0].nodes != backup.pools[0].nodes);
}

namespace {

config::Health checked() {
  config::Health health;
  health.http.emplace().target = "/";
  return health;
}

// Snapshots of one pool, one after the other.
struct Sequence {
  const core::Snapshot& next(const std::string& name, std::vector<std::string> nodes,
                             std::optional<config::Health> health = checked(),
                             core::Predecessor::Leaving leaving = core::Predecessor::Leaving::kept) {
    config::Config config;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = name;
    pool.health = std::move(health);
    for (const std::string& node : nodes) pool.nodes.push_back({.address = *io::Address::parse(node)});
    made.push_back(std::make_unique<core::Snapshot>(
        std::move(config), table, core::ResolvedNames{},
        core::Predecessor{made.empty() ? nullptr : made.back().get(), leaving}, overrides));
    return *made.back();
  }
  const core::SnapshotPool& pool() const { return made.back()->pools[0]; }
  balancer::Node& node(std::size_t i) const { return *pool().endpoints[i]->node; }

  core::NodeTable table{1};
  core::Overrides overrides;
  std::vector<std::unique_ptr<core::Snapshot>> made;
};

using balancer::Health;

}  // namespace

TEST_CASE("nodes that were removed stay where no other takes requests") {
  Sequence sequence;
  sequence.next("app", {"10.0.0.1:80", "10.0.0.2:80"});
  sequence.node(0).set_health(Health::up);
  sequence.node(1).set_health(Health::down);
  SECTION("because the new ones have not passed a check, and no longer than until one has") {
    sequence.next("app", {"10.0.0.3:80"});
    REQUIRE(sequence.pool().endpoints.size() == 2);
    CHECK(sequence.pool().leaving == 1);  // the one that is down goes
    CHECK(sequence.pool().endpoints[1]->text == "10.0.0.1:80");
    CHECK(sequence.made.back()->keeps_leaving());
    sequence.node(0).set_health(Health::up);
    sequence.next("app", {"10.0.0.3:80"});
    CHECK(sequence.pool().leaving == 0);
  }
  SECTION("because the one that stays is down") {
    sequence.next("app", {"10.0.0.2:80"});
    CHECK(sequence.pool().leaving == 1);
  }
  SECTION("but not where an operator wants no new work there") {
    core::Override word;
    word.state = {balancer::Operator::drain, base::kNever, "by hand"};
    sequence.overrides.set({"app", "10.0.0.1:80"}, word);
    sequence.next("app", {"10.0.0.3:80"});
    CHECK(sequence.pool().leaving == 0);
    sequence.next("web", {"10.0.0.1:80"});
    CHECK(sequence.pool().words[0].state == balancer::Operator::active);
  }
  SECTION("but not for ever") {
    sequence.next("app", {"10.0.0.3:80"}, checked(), core::Predecessor::Leaving::dropped);
    CHECK(sequence.pool().leaving == 0);
  }
  SECTION("but not where the new ones need no check") {
    sequence.next("app", {"10.0.0.3:80"}, std::nullopt);
    CHECK(sequence.pool().leaving == 0);
  }
  SECTION("but not where nobody wants any") {
    sequence.next("app", {});
    CHECK(sequence.pool().leaving == 0);
  }
}

TEST_CASE("an operator's word on a node's tier and limits comes before the configuration's") {
  Sequence sequence;
  core::Override word;
  word.tier = {balancer::kBackup, base::kNever, "by hand"};
  word.max_in_flight = {5, base::kNever, "by hand"};
  word.max_connections = {6, base::kNever, "by hand"};
  sequence.overrides.set({"app", "10.0.0.1:80"}, word);
  sequence.next("app", {"10.0.0.1:80", "10.0.0.2:80"});
  CHECK(sequence.pool().nodes->level(0) == balancer::kBackup);
  CHECK(sequence.pool().nodes->level(1) == 0);
  CHECK(sequence.pool().limits == std::vector<std::uint64_t>{5, config::kUnlimited});
  CHECK(sequence.pool().most_connections == std::vector<std::uint64_t>{6, config::kUnlimited});
  sequence.made.back()->apply_limits();
  CHECK(sequence.pool().shared->gate.limits());
  sequence.overrides = {};
  sequence.next("app", {"10.0.0.1:80", "10.0.0.2:80"});
  sequence.made.back()->apply_limits();
  CHECK(sequence.pool().nodes->level(0) == 0);
  CHECK(sequence.node(0).limit() == balancer::Node::kUnlimited);
  CHECK_FALSE(sequence.pool().shared->gate.limits());
}

TEST_CASE("a node that is new in its pool takes over what is known of its address") {
  Sequence sequence;
  sequence.next("app", {"10.0.0.1:80", "10.0.0.2:80"});
  sequence.node(0).set_health(Health::up);
  sequence.node(1).set_health(Health::down);
  sequence.node(0).set_agent(balancer::Agent::maint, 7);
  sequence.pool().endpoints[0]->learned.note_close(std::chrono::seconds(5), 3, base::Time{});
  SECTION("where it is checked in the same way") {
    sequence.next("web", {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"});
    CHECK(sequence.node(0).state().health == Health::up);
    CHECK(sequence.node(0).state().agent == balancer::Agent::maint);
    CHECK(sequence.node(0).weight() == 7);
    CHECK(sequence.node(1).state().health == Health::down);
    CHECK(sequence.node(1).state().agent == balancer::Agent::up);
    CHECK(sequence.node(2).state().health == Health::awaited);
    CHECK(sequence.pool().inherited == std::vector<bool>{true, true, false});
    CHECK(sequence.pool().endpoints[0]->learned.idle_limit(base::Time{}) == std::chrono::milliseconds(4500));
    sequence.node(0).set_health(Health::down);
    sequence.next("app", {"10.0.0.1:80"});  // it is there again, and was up when it left
    CHECK(sequence.node(0).state().health == Health::down);
  }
  SECTION("where it is checked otherwise, it goes on until its verdict") {
    config::Health other = checked();
    other.fall = 7;
    sequence.next("web", {"10.0.0.1:80", "10.0.0.2:80"}, other);
    CHECK(sequence.node(0).state().health == Health::unknown);
    CHECK(sequence.node(0).state().agent == balancer::Agent::up);
    CHECK(sequence.node(1).state().health == Health::awaited);
  }
}

TEST_CASE("the operator's word comes with the configuration") {
  config::Config config;
  config::Pool& pool = config.pools.emplace_back();
  pool.name = "app";
  pool.nodes.push_back({.address = *io::Address::parse("10.0.0.1:80"), .state = balancer::Operator::drain});
  core::NodeTable table(1);
  const core::Snapshot snapshot(std::move(config), table, core::ResolvedNames{});
  REQUIRE(snapshot.pools[0].words.size() == 1);
  CHECK(snapshot.pools[0].words[0].state == balancer::Operator::drain);
}

namespace {

core::KnownNode known(balancer::Health health) {
  core::KnownNode node;
  node.health = health;
  node.history.health.reason = "as another process had it";
  return node;
}

}  // namespace

TEST_CASE("what another process knew of nodes is taken over, once") {
  using balancer::Health;
  core::KnownNodes nodes;
  nodes.add("app", "10.0.0.1:80", known(Health::up));
  nodes.add("app", "10.0.0.2:80", known(Health::down));
  nodes.add("app", "10.0.0.3:80", known(Health::awaited));
  nodes.add("other", "10.0.0.4:80", known(Health::up));
  core::NodeTable table(1, std::move(nodes));
  const auto compile = [&](std::optional<config::Health> health, std::vector<std::string> addresses) {
    config::Config config;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    pool.health = std::move(health);
    for (const std::string& address : addresses)
      pool.nodes.push_back({.address = *io::Address::parse(address)});
    return core::Snapshot(std::move(config), table, core::ResolvedNames{});
  };
  const auto health_of = [](const core::Snapshot& snapshot, std::size_t i) {
    return snapshot.pools[0].endpoints[i]->node->state().health;
  };
  SECTION("where the pool is checked") {
    const auto first = compile(checked(), {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"});
    CHECK(health_of(first, 0) == Health::up);
    CHECK(health_of(first, 1) == Health::down);
    CHECK(health_of(first, 2) == Health::awaited);
    CHECK(health_of(first, 3) == Health::awaited);
    CHECK(first.pools[0].inherited == std::vector<bool>{true, true, false, false});
    CHECK(first.pools[0].endpoints[1]->history.view().health.reason == "as another process had it");
    CHECK_FALSE(table.known().take("app", "10.0.0.1:80"));
  }
  SECTION("where nothing checks it") {
    const auto first = compile(std::nullopt, {"10.0.0.2:80"});
    CHECK(health_of(first, 0) == Health::unknown);
  }
}
