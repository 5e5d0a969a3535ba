// The way of a configuration into a snapshot, step by step.
#include "proxy/core/fleet.h"

#include <deque>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// Does its work when it is told to.
struct Workbench final : base::Executor {
  using Executor::run;
  void run(std::function<void()> task, AtEnd /*at_end*/) override { tasks.push_back(std::move(task)); }
  void work() {
    for (; !tasks.empty(); tasks.pop_front()) tasks.front()();
  }
  std::deque<std::function<void()>> tasks;
};

struct Watched final : FleetOwner {
  explicit Watched(config::Config config)
      : fleet(runtime, executor, std::make_shared<const config::Config>(std::move(config)), *this, 1, 1, 10) {
    fleet.start();
    runtime.end_turn();
  }
  ~Watched() { fleet.stop(); }
  void on_fleet_ready() override { told.emplace_back("ready"); }
  void on_snapshot() override { told.emplace_back("snapshot"); }
  void on_nodes_changed(std::shared_ptr<const NodeChanges>) override { told.emplace_back("nodes"); }

  void configure(config::Config config) {
    fleet.configure(std::make_shared<const config::Config>(std::move(config)), "an edit");
  }
  // Until nothing is left to do.
  void settle() {
    for (int i = 0; i < 5; ++i) {
      executor.work();
      runtime.deliver_mail();
      runtime.end_turn();
    }
  }
  Texts nodes() const {
    Texts texts;
    for (const auto& endpoint : fleet.snapshot()->pools[0].endpoints) texts.push_back(endpoint->text);
    return texts;
  }
  Texts take_told() { return std::exchange(told, {}); }

  Workbench executor;
  StillRuntime runtime;
  Texts told;
  Fleet fleet;
};

config::Config checked_pool(std::vector<std::string> nodes) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].health.emplace().timeout = 500ms;
  return config;
}

}  // namespace

TEST_CASE("a configuration that needs nothing is in force as soon as its snapshot is made") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  CHECK(watched.take_told() == Texts{"ready"});
  watched.configure(one_pool({"127.0.0.1:2"}));
  CHECK(watched.nodes() == Texts{"127.0.0.1:1"});
  watched.settle();
  CHECK(watched.take_told() == Texts{"snapshot"});
  CHECK(watched.nodes() == Texts{"127.0.0.1:2"});
}

TEST_CASE("what changes while a snapshot is made becomes the next one") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  watched.configure(one_pool({"127.0.0.1:2"}));
  watched.configure(one_pool({"127.0.0.1:3"}));
  watched.configure(one_pool({"127.0.0.1:4"}));
  watched.settle();
  CHECK(watched.take_told() == Texts{"ready", "snapshot", "snapshot"});
  CHECK(watched.nodes() == Texts{"127.0.0.1:4"});
  CHECK(watched.fleet.config()->pools[0].nodes[0].address.text() == "127.0.0.1:4");
}

TEST_CASE("a new name is waited for, a second at most") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  watched.configure(one_pool({"app.test:80"}));
  watched.settle();
  CHECK(watched.nodes() == Texts{"127.0.0.1:1"});
  SECTION("and known") {
    watched.runtime.answer_lookup(std::vector{*io::Ip::parse("10.0.0.1")});
    watched.settle();
    CHECK(watched.nodes() == Texts{"10.0.0.1:80"});
  }
  SECTION("or not: the node that was there serves on") {
    watched.runtime.pass(1100ms);
    watched.settle();
    CHECK(watched.nodes() == Texts{"127.0.0.1:1"});
    CHECK(watched.fleet.snapshot()->keeps_leaving());
    CHECK(watched.fleet.config()->pools[0].nodes[0].address.text() == "app.test:80");
  }
}

TEST_CASE("a node that was removed serves on, ten seconds at most, until another one does") {
  Watched watched(checked_pool({"127.0.0.1:1"}));
  watched.runtime.connected();
  watched.runtime.pass(20ms);
  CHECK(watched.fleet.snapshot()->pools[0].endpoints[0]->node->eligible());
  watched.configure(checked_pool({"127.0.0.1:2"}));
  watched.settle();
  CHECK(watched.nodes() == Texts{"127.0.0.1:2", "127.0.0.1:1"});  // the new one is being asked
  SECTION("it does") {
    watched.fleet.snapshot()->pools[0].endpoints[0]->node->set_health(balancer::Health::up);
    watched.configure(checked_pool({"127.0.0.1:2"}));
    watched.settle();
  }
  SECTION("it does not") {
    watched.runtime.pass(config::Reload{}.guard);
    watched.settle();
  }
  watched.runtime.pass(Fleet::kWait);
  watched.settle();
  CHECK(watched.nodes() == Texts{"127.0.0.1:2"});
}

TEST_CASE("the operator's word is carried out when the configuration is in force, and remembered") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  const auto endpoint = watched.fleet.snapshot()->pools[0].endpoints[0];
  config::Config drained = one_pool({"127.0.0.1:1"});
  drained.pools[0].nodes[0].state = balancer::Operator::drain;
  watched.configure(std::move(drained));
  watched.executor.work();
  CHECK(endpoint->node->eligible());
  watched.settle();
  CHECK_FALSE(endpoint->node->eligible());
  CHECK(endpoint->history.view().transitions.back().to == "drain");
  CHECK(watched.fleet.snapshot()->pools[0].endpoints[0] == endpoint);
}

TEST_CASE("an operator's word for the time being comes before the configuration, and ends by itself") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  const auto endpoint = watched.fleet.snapshot()->pools[0].endpoints[0];
  const base::Time begin = watched.runtime.now();
  Overrides overrides;
  overrides.set({"app", "127.0.0.1:1"},
                {.state = {{balancer::Operator::drain, begin + 20s, "asked, for 20s"}},
                 .weight = {{3, begin + 40s, "asked, for 40s"}}});
  const std::uint64_t revision = watched.fleet.override_nodes(overrides, "asked");
  CHECK(watched.fleet.overrides_in_force() < revision);
  watched.settle();
  CHECK(watched.fleet.overrides_in_force() == revision);
  CHECK_FALSE(endpoint->node->eligible());
  CHECK(endpoint->node->weight() == 3);
  CHECK(endpoint->history.view().by_operator.reason == "asked, for 20s");
  CHECK(endpoint->history.view().weight.reason == "asked, for 40s");

  watched.configure(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));  // a reload does not end it
  watched.settle();
  CHECK_FALSE(endpoint->node->eligible());

  watched.runtime.pass(21s);
  watched.settle();
  CHECK(endpoint->node->eligible());
  CHECK(endpoint->node->weight() == 3);
  CHECK(endpoint->history.view().by_operator.reason == "the time of the operator's word is over");
  watched.runtime.pass(20s);
  watched.settle();
  CHECK(endpoint->node->weight() == 1);
  CHECK(watched.fleet.overrides() == Overrides{});
}

TEST_CASE("a node's history says who added it, and who changed its weight") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  watched.runtime.pass(1min);
  config::Config two = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  watched.configure(two);
  watched.settle();
  const auto added = watched.fleet.snapshot()->pools[0].endpoints[1];
  CHECK(added->history.view().by_operator.reason == "added: an edit");
  CHECK(added->history.view().transitions.empty());
  const std::int64_t added_at = added->history.view().by_operator.wall_ms;
  CHECK(added_at > watched.fleet.snapshot()->pools[0].endpoints[0]->history.view().by_operator.wall_ms);
  CHECK(added->history.view().health.wall_ms == added_at);
  two.pools[0].nodes[1].weight = 5;
  watched.configure(two);
  watched.settle();
  const NodeTransition last = added->history.view().transitions.back();
  CHECK(last.word == NodeWord::weight);
  CHECK((last.from == "1" && last.to == "5" && last.reason == "an edit"));
}

TEST_CASE("a node's history says who changed its tier and its limits") {
  config::Config one = one_pool({"127.0.0.1:1"});
  Watched watched(one);
  const auto node = watched.fleet.snapshot()->pools[0].endpoints[0];
  one.pools[0].nodes[0].backup = true;
  one.pools[0].nodes[0].max_in_flight = 7;
  one.pools[0].nodes[0].max_connections = 9;
  watched.configure(one);
  watched.settle();
  const std::vector<NodeTransition> told = node->history.view().transitions;
  REQUIRE(told.size() == 3);
  CHECK((told[0].word == NodeWord::tier && told[0].from == "priority 0" && told[0].to == "backup"));
  CHECK((told[1].word == NodeWord::max_in_flight && told[1].from == "unlimited" && told[1].to == "7"));
  CHECK((told[2].word == NodeWord::max_connections && told[2].to == "9" && told[2].reason == "an edit"));

  Overrides said;
  said.set({"app", "127.0.0.1:1"}, {.state = {}, .max_in_flight = {{8, base::kNever, "weir set"}}});
  watched.fleet.override_nodes(said, "");
  watched.settle();
  CHECK(node->history.view().transitions.back().to == "8");
  CHECK(node->history.view().transitions.back().reason == "weir set");
}

TEST_CASE("a fleet that stops says nothing more, whatever is still being made") {
  Watched watched(one_pool({"127.0.0.1:1"}));
  watched.take_told();
  watched.configure(one_pool({"127.0.0.1:2"}));
  watched.fleet.stop();
  watched.settle();
  CHECK(watched.take_told().empty());
}

}  // namespace weir::core
