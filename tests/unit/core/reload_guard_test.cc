#include "proxy/core/reload_guard.h"

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Health;

struct Guarded final : ReloadGuardOwner {
  Guarded() { guard.trust(make({"127.0.0.1:1", "127.0.0.1:2"})); }
  void on_guard_over() override { told = "over"; }
  void on_guard_failed(const std::string& why) override { told = why; }

  std::shared_ptr<const Snapshot> make(std::vector<std::string> nodes) {
    config::Config config = one_pool(std::move(nodes));
    config.pools[0].health.emplace();
    config.reload.guard = 10s;
    snapshot = std::make_shared<const Snapshot>(std::move(config), table, ResolvedNames{});
    for (const auto& endpoint : snapshot->pools[0].endpoints) endpoint->node->set_health(Health::up);
    return snapshot;
  }
  balancer::Node& node(std::size_t index) const { return *snapshot->pools[0].endpoints[index]->node; }
  void answer(int count, int status) const {
    for (int i = 0; i < count; ++i) snapshot->routes[0].counts->of(0).note(1ms, status, base::Reason::none);
  }
  std::string take_told() { return std::exchange(told, {}); }

  StillRuntime runtime;
  NodeTable table{1};
  std::shared_ptr<const Snapshot> snapshot;
  std::string told;
  ReloadGuard guard{runtime, *this};
};

}  // namespace

TEST_CASE("a configuration that does well is confirmed when its guard is over") {
  Guarded guarded;
  guarded.guard.begin(guarded.make({"127.0.0.1:1", "127.0.0.1:3"}));
  guarded.runtime.pass(9900ms);
  CHECK(guarded.take_told().empty());
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told() == "over");
  guarded.node(0).set_health(Health::down);
  guarded.node(1).set_health(Health::down);
  guarded.runtime.pass(60s);
  CHECK(guarded.take_told().empty());
}

TEST_CASE("a pool that falls under its share fails it at once") {
  Guarded guarded;
  guarded.guard.begin(guarded.make({"127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:5"}));
  guarded.node(0).set_health(Health::down);
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told().empty());
  guarded.node(1).set_health(Health::down);
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told() == "pool app: 1 of 3 nodes may take requests, under min_healthy (50%)");
  CHECK_FALSE(guarded.guard.watching());
}

TEST_CASE("what is answered is held against what was answered in the ten seconds before") {
  Guarded guarded;
  for (int second = 0; second < 20; ++second) {
    guarded.answer(10, second < 5 ? 500 : 200);
    guarded.runtime.pass(1s);
  }
  guarded.guard.begin(guarded.make({"127.0.0.1:1"}));
  guarded.answer(30, 200);
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told().empty());
  guarded.answer(10, 503);
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told() == "pool app: 10 of 40 answers are errors, 0 of 90 were before");
}

TEST_CASE("a second configuration within the guard is held against what was before the first") {
  Guarded guarded;
  guarded.guard.begin(guarded.make({"127.0.0.1:3"}));
  guarded.runtime.pass(5s);
  guarded.node(0).set_health(Health::down);
  guarded.guard.begin(guarded.make({"127.0.0.1:4"}));
  guarded.node(0).set_health(Health::down);
  guarded.runtime.pass(200ms);
  CHECK(guarded.take_told() == "pool app: 0 of 1 nodes may take requests, under min_healthy (50%)");
}

TEST_CASE("what nobody doubts is not watched") {
  Guarded guarded;
  guarded.guard.begin(guarded.make({"127.0.0.1:3"}));
  guarded.guard.trust(guarded.make({"127.0.0.1:4"}));
  guarded.node(0).set_health(Health::down);
  guarded.runtime.pass(20s);
  CHECK(guarded.take_told().empty());
}

TEST_CASE(
    "what was answered in the process before counts, for as long as this one has not been here for ten "
    "seconds") {
  for (const int seconds : {0, 3, 12}) {
    Guarded before;
    before.answer(200, 200);
    before.answer(100, 500);
    Guarded guarded;
    guarded.guard.remember(before.guard.standing());
    for (int second = 0; second < seconds; ++second) guarded.runtime.pass(1s);
    INFO(seconds);
    guarded.guard.begin(guarded.make({"127.0.0.1:1", "127.0.0.1:3"}));
    guarded.answer(20, 200);
    guarded.answer(15, 500);  // a third was, four tenths are: by chance; where nobody knows of a third, many
    guarded.runtime.pass(200ms);
    CHECK(guarded.take_told().empty());
    guarded.answer(100, 500);
    guarded.runtime.pass(200ms);
    const std::string told = guarded.take_told();
    CHECK(told.find(seconds < 10 ? "100 of 300 were before" : "answers are errors") != told.npos);
  }
}

}  // namespace weir::core
