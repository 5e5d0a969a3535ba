// Rates and percentiles of the last ten seconds.
#include "proxy/admin/recent.h"

#include <chrono>
#include <cmath>

#include "proxy/admin/pools_json.h"
#include "tests/unit/admin/fixture.h"
#include "tests/unit/catch.h"

namespace weir::admin {
namespace {

using namespace std::chrono_literals;

// Within a twentieth.
bool near(double is, double should) {
  return std::abs(is - should) <= should / 20;
}

struct Watched {
  Watched() { look(); }
  void look() { recent.sample(*scene->snapshot, now += 1s); }
  void answer(int count, int status, base::Duration took) {
    for (int i = 0; i < count; ++i) {
      node.counts.of(static_cast<std::size_t>(i) % 2).answers.add(status);
      node.counts.of(static_cast<std::size_t>(i) % 2).note_answer_time(took);
    }
  }
  base::Duration p99() const { return observe::percentile(recent.of(node).latency, 0.99); }

  Stage stage;
  std::shared_ptr<const Scene> scene = stage.scene(core::one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  core::Endpoint& node = stage.node("127.0.0.1:1");
  Recent recent;
  base::Time now{1000s};
};

}  // namespace

TEST_CASE("a steady rate is told as it is, and fades ten seconds after the end") {
  Watched watched;
  for (int second = 0; second < 15; ++second) {
    watched.answer(50, 200, 2ms);
    watched.answer(10, 503, 2ms);
    watched.look();
  }
  CHECK(near(watched.recent.of(watched.node).requests, 60));
  CHECK(near(watched.recent.of(watched.node).failures, 10));
  CHECK(watched.p99() > 1ms);
  CHECK(watched.p99() < 3ms);
  for (int second = 0; second < 5; ++second) watched.look();
  CHECK(near(watched.recent.of(watched.node).requests, 30));
  for (int second = 0; second < 6; ++second) watched.look();
  CHECK(near(watched.recent.of(watched.node).requests, 0));
  CHECK(watched.p99() == 0ms);
}

TEST_CASE("percentiles follow what is recent, not what was long ago") {
  Watched watched;
  for (int second = 0; second < 30; ++second) {
    watched.answer(100, 200, 1ms);
    watched.look();
  }
  for (int second = 0; second < 11; ++second) {
    watched.answer(100, 200, 500ms);
    watched.look();
  }
  CHECK(observe::percentile(watched.recent.of(watched.node).latency, 0.1) > 400ms);
}

TEST_CASE("a node that nobody asked, and one that is not watched, have no rates") {
  Watched watched;
  watched.look();
  CHECK(watched.recent.of(watched.stage.node("127.0.0.1:2")).requests == 0);
  CHECK(watched.recent.of(watched.stage.node("127.0.0.1:3")).requests == 0);
}

TEST_CASE("failures are answers of 5xx, none, and connects that failed") {
  Watched watched;
  watched.answer(4, 500, 1ms);
  watched.answer(3, 0, 1ms);
  watched.node.counts.of(0).connect_refused.add(2);
  watched.node.counts.of(1).connect_timeout.add();
  const Totals totals = totals_of(watched.node);
  CHECK(totals.requests == 7);
  CHECK(totals.failures == 10);
}

TEST_CASE("a pool and its nodes as JSON") {
  Watched watched;
  watched.answer(20, 200, 4ms);
  watched.look();
  watched.node.node->set_health(balancer::Health::down);
  watched.node.history.note({.wall_ms = 1'764'072'001'000,
                             .word = core::NodeWord::health,
                             .from = "up",
                             .to = "down",
                             .reason = "GET /healthz answered 503"});
  watched.node.history.note_check({.wall_ms = 1'764'072'000'900,
                                   .took = 1200us,
                                   .outcome = core::CheckRecord::Outcome::failed,
                                   .text = "GET /healthz answered 503"});
  const auto pool =
      pool_json(watched.scene->snapshot->pools[0], *watched.scene, watched.recent, kAllTransitions);
  INFO(pool.dump(2));
  CHECK(pool["name"] == "app");
  CHECK(pool["size"] == 2);
  CHECK(pool["eligible"] == 1);
  CHECK(pool["health"].is_null());
  CHECK(near(pool["rate"], 20));
  const auto& node = pool["nodes"][0];
  CHECK(node["address"] == "127.0.0.1:1");
  CHECK(node["eligible"] == false);
  CHECK(node["operator"]["state"] == "active");
  CHECK(node["operator"]["since"] == "2025-11-25T12:00:00.123Z");  // since the process began
  CHECK(node["health"]["state"] == "down");
  CHECK(node["health"]["reason"] == "GET /healthz answered 503");
  CHECK(node["health"]["since"] == "2025-11-25T12:00:01.000Z");
  CHECK(node["last_check"]["passed"] == false);
  CHECK(near(node["last_check"]["duration_ms"], 1.2));
  CHECK(near(node["p50_ms"], 4));
  CHECK(node["requests"] == 20);
  CHECK(node["transitions"].size() == 1);
  CHECK(node["transitions"][0]["to"] == "down");
  CHECK(pool["nodes"][1]["last_check"].is_null());
  CHECK(pool["nodes"][1]["p50_ms"].is_null());
}

TEST_CASE("transitions are told to those who have not heard of them") {
  Watched watched;
  watched.node.history.note({.wall_ms = 5000, .from = "up", .to = "down", .reason = "r"});
  const auto told = [&](std::int64_t since) {
    const auto pools = pools_json(*watched.scene, watched.recent, since);
    return pools[0]["nodes"][0].contains("transitions");
  };
  CHECK(told(kAllTransitions));
  CHECK(told(4999));
  CHECK_FALSE(told(5000));
  CHECK_FALSE(told(kNoTransitions));
}

}  // namespace weir::admin
