// What of the prober needs no network: checks that Weir itself cannot make, and what is remembered of a node.
// Its timing is tried in the simulator (tests/sim/checked_*).
#include "proxy/core/prober.h"

#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Health;

struct ProberBench {
  explicit ProberBench(bool http) {
    config::Config config = one_pool({"127.0.0.1:1"});
    config.pools[0].health.emplace();
    if (http) config.pools[0].health->http.emplace().target = "/healthz";
    snapshot = std::make_shared<const Snapshot>(std::move(config), table, ResolvedNames{});
    runtime.next = {&transports[0]};
    prober.watch(*snapshot);
    runtime.end_turn();
  }
  Endpoint& endpoint() { return *snapshot->pools[0].endpoints[0]; }
  std::size_t checks() const { return runtime.connects.size(); }
  // The check under way fails so, and the next one gets the transport.
  void fail(const base::Error& error, PlayedTransport& next) {
    runtime.next = {&next};
    runtime.connecting->on_connect_failed(error);
    runtime.end_turn();
  }

  StillRuntime runtime;
  NodeTable table{1};
  PlayedTransport transports[8];
  std::shared_ptr<const Snapshot> snapshot;
  Prober prober{runtime, 1, 10, [](const auto&) {}};
};

constexpr base::Error kNoDescriptor{base::Reason::overloaded, base::Fault::ourselves,
                                    base::Retry::not_processed, 0, "Too many open files"};
constexpr base::Error kNoAddress{base::Reason::connect_refused, base::Fault::ourselves,
                                 base::Retry::not_processed, 0, "Cannot assign requested address"};
constexpr base::Error kNoRoute{base::Reason::connect_refused, base::Fault::upstream,
                               base::Retry::not_processed, 0, "No route to host"};

}  // namespace

TEST_CASE("a check that Weir itself cannot make is repeated a little later, and counts for nothing") {
  const bool http = GENERATE(true, false);
  const base::Error error = GENERATE(kNoDescriptor, kNoAddress);
  ProberBench bench(http);
  for (int i = 0; i < 5; ++i) {
    bench.fail(error, bench.transports[i + 1]);
    const std::size_t checks = bench.checks();
    bench.runtime.pass(490ms);
    CHECK(bench.checks() == checks);
    bench.runtime.pass(10ms);
    CHECK(bench.checks() == checks + 1);
  }
  CHECK(bench.endpoint().history.checks_failed() == 0);
  CHECK_FALSE(bench.endpoint().history.view().last_check);
  CHECK(bench.endpoint().node->state().health != Health::down);
}

TEST_CASE("other failures to connect are the node's, and say what they were") {
  ProberBench bench(true);
  bench.fail(kNoRoute, bench.transports[1]);
  const auto view = bench.endpoint().history.view();
  REQUIRE(view.last_check);
  CHECK(view.last_check->text == "connect failed: no route to host");
  CHECK(view.last_check->outcome == CheckRecord::Outcome::failed);
  CHECK(bench.endpoint().history.checks_failed() == 1);
}

TEST_CASE("an awaited node says what it waits for") {
  ProberBench bench(true);
  CHECK(bench.endpoint().history.view().health.reason == "waiting for its first check to pass");
  CHECK(bench.endpoint().history.view().transitions.empty());
}

TEST_CASE("a node that gets another name is asked by it at once, and leaves its place to others") {
  StillRuntime runtime;
  NodeTable table{1};
  PlayedTransport first, second, third;
  runtime.next = {&first, &second, &third};
  const auto snapshot_of = [&](std::vector<std::string> nodes) {
    config::Config config = one_pool(std::move(nodes));
    config.pools[0].health.emplace().http.emplace().target = "/healthz";
    return std::make_shared<const Snapshot>(std::move(config), table,
                                            ResolvedNames{{"a.test", {io::Ip::parse("127.0.0.1").value()}}});
  };
  const auto unnamed = snapshot_of({"127.0.0.1:1"}), named = snapshot_of({"a.test:1"});
  Prober prober{runtime, 1, 1, [](const auto&) {}};  // one check at once
  prober.watch(*unnamed);
  runtime.end_turn();
  runtime.connected();
  CHECK(first.written.find("\r\nHost: 127.0.0.1:1\r\n") != std::string::npos);
  prober.watch(*named);
  runtime.end_turn();
  runtime.pass(100ms);
  CHECK(first.released);
  REQUIRE(runtime.connects.size() == 2);
  runtime.connected();
  CHECK(second.written.find("\r\nHost: a.test:1\r\n") != std::string::npos);
}

TEST_CASE("how long checks take is added up") {
  ProberBench bench(false);
  bench.runtime.pass(30ms);
  bench.runtime.connected();
  CHECK(bench.endpoint().history.checks_took() == 30ms);
  CHECK(bench.endpoint().history.view().last_check->took == 30ms);
  CHECK(bench.endpoint().history.checks_passed() == 1);
}

TEST_CASE("a history keeps the latest transitions, and since when each word is what it is") {
  NodeHistory history;
  for (int i = 1; i <= 20; ++i)
    history.note({.wall_ms = i, .from = "up", .to = i % 2 == 0 ? "up" : "down", .reason = std::to_string(i)});
  history.note(
      {.wall_ms = 30, .word = NodeWord::by_operator, .from = "active", .to = "drain", .reason = "asked"});
  const NodeHistory::View view = history.view();
  REQUIRE(view.transitions.size() == 16);
  CHECK(view.transitions.front().wall_ms == 6);
  CHECK(view.transitions.back().reason == "asked");
  CHECK(view.health.wall_ms == 20);
  CHECK(view.health.reason == "20");
  CHECK(view.by_operator.wall_ms == 30);
  CHECK(view.ejection.wall_ms == 0);
  CHECK(history.went_up() == 10);
  CHECK(history.went_down() == 10);
}

}  // namespace weir::core
