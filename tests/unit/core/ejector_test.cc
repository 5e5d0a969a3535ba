// What requests show of nodes, and what follows: ejection, the way back, the panic floor, slow starts.
// Workers are played by calls of Conduct; the network is tried in the simulator.
#include "proxy/core/ejector.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Ejection;
using balancer::Health;
using balancer::Verdict;

constexpr base::Error kRefused{base::Reason::connect_refused, base::Fault::upstream,
                               base::Retry::not_processed, 502, "Connection refused"};
constexpr base::Error kReset{base::Reason::upstream_reset, base::Fault::upstream, base::Retry::other_node,
                             502, "the node reset the connection"};

struct EjectionBench {
  explicit EjectionBench(std::size_t nodes, const std::function<void(config::Pool&)>& tweak = {}) {
    use(nodes, tweak);
  }
  void use(std::size_t nodes, const std::function<void(config::Pool&)>& tweak = {}) {
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < nodes; ++i) addresses.push_back("10.0.0." + std::to_string(i + 1) + ":80");
    config::Config config = one_pool(addresses);
    if (tweak) tweak(config.pools[0]);
    snapshot = std::make_shared<const Snapshot>(std::move(config), table, ResolvedNames{});
    ejector.watch(snapshot);
    runtime.end_turn();
  }
  Endpoint& endpoint(std::size_t i = 0) { return *snapshot->pools[0].endpoints[i]; }
  Conduct& conduct(std::size_t i = 0) { return endpoint(i).conduct; }
  Ejection word(std::size_t i = 0) { return endpoint(i).node->state().ejection; }
  std::size_t out() { return snapshot->pools[0].shared->ejection.out(); }
  std::string reason(std::size_t i = 0) { return endpoint(i).history.view().ejection.reason; }
  // Each at a moment of its own. Any thread.
  void fail_to_connect(std::size_t node = 0) {
    const base::Time now = runtime.now() + base::Duration(++moments);
    conduct(node).note_connect_failure(kRefused, now, now);
  }
  void refuse(std::size_t times, std::size_t node = 0) {
    for (std::size_t i = 0; i < times; ++i) fail_to_connect(node);
    hear();
  }
  void answer(int status, std::size_t times = 1, std::size_t node = 0, base::Duration took = 1ms) {
    for (std::size_t i = 0; i < times; ++i)
      conduct(node).note_answer(status, runtime.now() - took, runtime.now());
    hear();
  }
  void hear() {
    runtime.deliver_mail();
    runtime.end_turn();
  }
  void pass(base::Duration span, base::Duration step = 10ms) {
    for (; span > 0s; span -= step) runtime.pass(step), hear();
  }
  // Each node's answers of one second, or another time, and how long they took.
  struct Second {
    std::uint64_t good, bad;
    base::Duration took;
  };
  void second(const std::vector<Second>& nodes, base::Duration span = 1s) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      observe::NodeShare& share = endpoint(i).counts.of(i % 2);
      for (std::uint64_t k = 0; k < nodes[i].good; ++k) share.answers.add(200);
      for (std::uint64_t k = 0; k < nodes[i].bad; ++k) share.answers.add(500);
      for (std::uint64_t k = 0; k < nodes[i].good + nodes[i].bad; ++k) share.note_answer_time(nodes[i].took);
    }
    pass(span);
  }

  StillRuntime runtime;
  std::atomic<int> moments{0};
  std::size_t told = 0;
  Prober prober{runtime, 1, 10, [this](const auto&) { ++told; }};
  Ejector ejector{prober};
  NodeTable table{
      2, {}, [this](NodeNews news) { runtime.post([this, news = std::move(news)] { ejector.hear(news); }); }};
  PlayedTransport transports[8];
  std::shared_ptr<const Snapshot> snapshot;
};

void off(config::Pool& pool) {
  pool.ejection.reset();
}

}  // namespace

TEST_CASE("connects that fail in a row eject a node at once, and one that stands between begins anew") {
  EjectionBench bench(3);
  bench.fail_to_connect();
  bench.conduct().note_connected();
  bench.fail_to_connect();
  CHECK(bench.word() == Ejection::none);
  bench.fail_to_connect();
  CHECK(bench.word() == Ejection::ejected);  // before the control thread has heard of it
  CHECK_FALSE(bench.endpoint().node->eligible());
  CHECK(bench.endpoint().node->state().ejection_verdict == Verdict::hard);
  bench.hear();
  CHECK(bench.reason() == "2 failures to connect in a row, the latest: connection refused");
  CHECK(bench.conduct().ejections(EjectionCause::connect) == 1);
  CHECK(bench.told > 0);
}

TEST_CASE("a node that refused is asked each 200 ms, and is on probation as soon as it accepts") {
  EjectionBench bench(3);
  bench.refuse(2);
  bench.pass(190ms);
  CHECK(bench.runtime.connects.empty());
  bench.runtime.next = {&bench.transports[0]};
  bench.pass(10ms);
  CHECK(bench.runtime.connects == std::vector<std::string>{"10.0.0.1:80"});
  bench.runtime.refused();
  bench.pass(190ms);
  CHECK(bench.runtime.connects.size() == 1);
  bench.runtime.next = {&bench.transports[1]};
  bench.pass(10ms);
  CHECK(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  CHECK(bench.word() == Ejection::probation);
  CHECK(bench.endpoint().node->eligible());
  CHECK_FALSE(bench.endpoint().node->trusted());
  CHECK(bench.out() == 0);
  CHECK(bench.reason() == "it accepts connections");
  bench.answer(200, 4, 0, 0ms);
  CHECK(bench.word() == Ejection::probation);
  bench.answer(404, 1, 0, 0ms);
  CHECK(bench.word() == Ejection::none);
  CHECK(bench.reason() == "5 good answers");
  CHECK(bench.conduct().returns() == 1);
}

TEST_CASE("a look at a node that Weir itself cannot make is repeated, and one that nobody answers ends") {
  EjectionBench bench(2);
  bench.refuse(2);
  bench.runtime.next = {&bench.transports[0]};
  bench.pass(200ms);
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.no_descriptor();
  bench.pass(490ms);
  CHECK(bench.runtime.connects.size() == 1);
  bench.runtime.next = {&bench.transports[1]};
  bench.pass(10ms);
  CHECK(bench.runtime.connects.size() == 2);
  bench.runtime.next = {&bench.transports[2]};
  bench.pass(1990ms);  // timeouts.connect
  CHECK(bench.runtime.connects.size() == 2);
  bench.pass(20ms);
  CHECK(bench.runtime.connects.size() == 3);
  CHECK(bench.word() == Ejection::ejected);
}

TEST_CASE("gateway errors in a row eject a node for a time that doubles") {
  EjectionBench bench(3);
  bench.answer(503, 4);
  bench.answer(500);
  bench.answer(502, 4);
  CHECK(bench.word() == Ejection::none);
  bench.answer(504);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.endpoint().node->state().ejection_verdict == Verdict::soft);
  CHECK(bench.reason() == "5 gateway errors in a row, the latest: answered 504");
  CHECK(bench.conduct().ejections(EjectionCause::gateway) == 1);
  bench.pass(9990ms);
  CHECK(bench.word() == Ejection::ejected);
  bench.pass(20ms);
  CHECK(bench.word() == Ejection::probation);
  CHECK(bench.reason() == "its time is over");
  bench.answer(503, 1, 0, 0ms);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.reason() == "on probation: answered 503");
  bench.pass(19980ms);
  CHECK(bench.word() == Ejection::ejected);
  bench.pass(30ms);
  CHECK(bench.word() == Ejection::probation);
  CHECK(bench.runtime.connects.empty());
  bench.answer(200, 5, 0, 0ms);
  CHECK(bench.word() == Ejection::none);
  // After good service for long enough the next time is the first again.
  bench.pass(62s);
  bench.answer(503, 5);
  bench.pass(10020ms);
  CHECK(bench.word() == Ejection::probation);
}

TEST_CASE(
    "a connection that takes many requests with it is one failure, and an answer of before says nothing") {
  EjectionBench bench(3);
  for (int i = 0; i < 20; ++i)
    bench.conduct().note_no_answer(kReset, bench.runtime.now(), bench.runtime.now());
  CHECK(bench.word() == Ejection::none);
  for (int i = 0; i < 4; ++i) {
    bench.pass(10ms);
    bench.conduct().note_no_answer(kReset, bench.runtime.now(), bench.runtime.now());
  }
  CHECK(bench.word() == Ejection::ejected);
  bench.hear();
  CHECK(bench.reason() == "5 gateway errors in a row, the latest: the node reset the connection");
  bench.pass(10020ms);
  CHECK(bench.word() == Ejection::probation);
  bench.answer(503, 10, 0, 5s);
  bench.answer(200, 10, 0, 5s);
  CHECK(bench.word() == Ejection::probation);
}

TEST_CASE("all that waited for one connection have failed once") {
  EjectionBench bench(3);
  for (int i = 0; i < 10; ++i)
    bench.conduct().note_connect_failure(kRefused, bench.runtime.now(), bench.runtime.now());
  CHECK(bench.word() == Ejection::none);
  bench.fail_to_connect();
  CHECK(bench.word() == Ejection::ejected);
}

TEST_CASE("an answer on a kept connection stands between two connects that fail") {
  EjectionBench bench(3);
  bench.fail_to_connect();
  bench.answer(200);
  bench.fail_to_connect();
  CHECK(bench.word() == Ejection::none);
}

TEST_CASE("at most so many nodes are out, over all threads, and never the last that takes requests") {
  const std::size_t nodes = GENERATE(1, 2, 3, 10);
  const std::uint32_t percent = GENERATE(0U, 1U, 50U, 100U);
  EjectionBench bench(nodes, [&](config::Pool& pool) { pool.ejection->max_ejected = percent; });
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < 4; ++t)
      workers.emplace_back([&] {
        for (int round = 0; round < 100; ++round)
          for (std::size_t i = 0; i < nodes; ++i)
            round % 2 == 0 ? bench.fail_to_connect(i) : bench.conduct(i).note_answer(503, {}, {});
      });
  }
  const auto count = [&](auto&& matches) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < nodes; ++i) {
      const balancer::NodeState state = bench.endpoint(i).node->state();
      found += state.ejection == Ejection::ejected && matches(state) ? 1 : 0;
    }
    return found;
  };
  const std::size_t most =
      nodes < 2 || percent == 0 ? 0 : std::clamp<std::size_t>(nodes * percent / 100, 1, nodes - 1);
  // Those that take no connections may be out beside others that are to be brought back for them.
  CHECK(count([](const auto&) { return true; }) == bench.out());
  CHECK(count([](const auto& state) { return state.ejection_verdict == Verdict::hard; }) <= most);
  CHECK(bench.out() >= most);
  bench.hear();
  CHECK(count([](const auto&) { return true; }) == most);
  CHECK(bench.out() == most);
}

TEST_CASE("who is down by its checks as well leaves its place among those that may be out to another one") {
  EjectionBench bench(3);
  const auto checks_say = [&](Health health) {
    bench.endpoint(0).node->set_health(health);
    bench.prober.changes().note("app", bench.snapshot->pools[0].endpoints[0]);
    bench.pass(20ms);
  };
  bench.refuse(2, 0);
  bench.answer(502, 5, 1);
  CHECK(bench.word(1) == Ejection::none);
  checks_say(Health::down);
  CHECK(bench.out() == 0);
  bench.answer(502, 5, 1);
  CHECK(bench.word(1) == Ejection::ejected);
  CHECK(bench.out() == 1);
  SECTION("it is back before its checks pass") {
    bench.runtime.next = {&bench.transports[0]};
    bench.pass(200ms);
    bench.runtime.connected();
    CHECK(bench.word(0) == Ejection::probation);
    CHECK(bench.out() == 1);
  }
  SECTION("its checks pass before it is back") {
    checks_say(Health::up);
    CHECK(bench.word(0) == Ejection::none);
    CHECK(bench.out() == 1);
  }
}

TEST_CASE("a node that only answered badly is back as soon as the last other one takes no connections") {
  const std::size_t nodes = GENERATE(2U, 4U);
  EjectionBench bench(nodes);
  for (std::size_t i = 0; i < nodes / 2; ++i) bench.answer(502, 5, i);
  CHECK(bench.out() == nodes / 2);
  for (std::size_t i = nodes / 2; i < nodes; ++i) bench.refuse(2, i);
  for (std::size_t i = 0; i < nodes / 2; ++i) CHECK(bench.word(i) == Ejection::none);
  CHECK(bench.reason(0) == "too many nodes of the pool would be ejected");
  CHECK(bench.out() == nodes / 2);
  SECTION("which stays where all others take none") {
    bench.refuse(10, 0);
    if (nodes == 2) CHECK(bench.word(0) == Ejection::none);
  }
}

TEST_CASE(
    "where all may be ejected, too, the last that takes no connections brings back who answered badly") {
  EjectionBench bench(3, [](config::Pool& pool) { pool.ejection->max_ejected = 100, pool.panic = 0; });
  bench.answer(502, 5, 0);
  bench.answer(502, 5, 1);
  bench.refuse(2, 2);
  CHECK(bench.word(2) == Ejection::ejected);
  CHECK(bench.word(0) == Ejection::none);
}

TEST_CASE("a place that is lent takes no pool below its panic floor") {
  const bool floor = GENERATE(true, false);
  EjectionBench bench(4, [&](config::Pool& pool) { pool.panic = floor ? 30 : 0; });
  for (const std::size_t i : {0, 1}) {
    bench.answer(502, 5, i);
    bench.endpoint(i).node->set_health(Health::down, Verdict::soft);
    bench.prober.changes().note("app", bench.snapshot->pools[0].endpoints[i]);
  }
  bench.pass(20ms);
  CHECK(bench.out() == 0);
  bench.answer(502, 10, 2);
  CHECK(bench.word(2) == (floor ? Ejection::none : Ejection::ejected));
}

TEST_CASE("of the last two that take requests one stays, whoever is quicker") {
  for (int round = 0; round < 300; ++round) {
    EjectionBench bench(3, [](config::Pool& pool) { pool.ejection->max_ejected = 100; });
    bench.endpoint(2).node->set_health(Health::down);
    {
      std::vector<std::jthread> workers;
      for (std::size_t node = 0; node < 2; ++node)
        workers.emplace_back([&bench, node] {
          for (int i = 0; i < 4; ++i) bench.fail_to_connect(node);
        });
    }
    REQUIRE(bench.out() == 1);
    REQUIRE(bench.endpoint(0).node->eligible() != bench.endpoint(1).node->eligible());
  }
}

TEST_CASE("connects that began before a node was on probation do not end that") {
  EjectionBench bench(3);
  const base::Time before = bench.runtime.now();
  bench.refuse(2);
  bench.runtime.next = {&bench.transports[0]};
  bench.pass(200ms);
  bench.runtime.connected();
  REQUIRE(bench.word() == Ejection::probation);
  bench.conduct().note_connect_failure(kRefused, before, bench.runtime.now() + 1ms);
  CHECK(bench.word() == Ejection::probation);
  bench.fail_to_connect();
  CHECK(bench.word() == Ejection::ejected);
}

TEST_CASE("a node is not ejected where checks or operators have taken all others away") {
  EjectionBench bench(3);
  bench.endpoint(1).node->set_health(Health::down);
  bench.endpoint(2).node->set_operator(balancer::Operator::drain);
  bench.refuse(10);
  CHECK(bench.word() == Ejection::none);
  CHECK(bench.out() == 0);
  bench.endpoint(1).node->set_health(Health::up);
  bench.refuse(1);
  CHECK(bench.word() == Ejection::ejected);
}

TEST_CASE("each rule may be off, and all of it") {
  SECTION("connects") {
    EjectionBench bench(2, [](config::Pool& pool) { pool.ejection->connect_failures = 0; });
    bench.refuse(50);
    CHECK(bench.word() == Ejection::none);
  }
  SECTION("gateway errors") {
    EjectionBench bench(2, [](config::Pool& pool) { pool.ejection->gateway_errors = 0; });
    bench.answer(503, 50);
    CHECK(bench.word() == Ejection::none);
  }
  SECTION("success rate and latency") {
    EjectionBench bench(
        2, [](config::Pool& pool) { pool.ejection->success_rate = pool.ejection->latency = false; });
    for (int i = 0; i < 4; ++i) bench.second({{0, 50, 900ms}, {50, 0, 1ms}});
    CHECK(bench.word() == Ejection::none);
  }
  SECTION("all") {
    EjectionBench bench(2, off);
    bench.refuse(50);
    bench.answer(503, 50);
    CHECK(bench.word() == Ejection::none);
    CHECK(bench.conduct().suspect_after() == Conduct::kNoLimit);
  }
}

TEST_CASE("half the answers 500 at one node of three eject it within three seconds") {
  EjectionBench bench(3);
  int seconds = 0;
  while (bench.word() == Ejection::none && seconds < 10)
    bench.second({{40, 40, 1ms}, {83, 0, 1ms}, {83, 0, 1ms}}), ++seconds;
  CHECK(seconds <= 3);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.conduct().ejections(EjectionCause::success_rate) == 1);
  CHECK(bench.endpoint().node->state().ejection_verdict == Verdict::soft);
  // On probation a 500 is as bad as it was, and three are enough.
  bench.pass(10s);
  REQUIRE(bench.word() == Ejection::probation);
  bench.answer(200, 3, 0, 0ms);
  bench.answer(500, 2, 0, 0ms);
  CHECK(bench.word() == Ejection::probation);
  bench.answer(500, 1, 0, 0ms);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.reason() == "on probation: answered 500");
}

TEST_CASE(
    "a node that was well for long and then fails half the time is out within a second, a quiet one within "
    "three") {
  const std::uint64_t answers = GENERATE(20, 4);  // in a quarter of a second
  EjectionBench bench(3);
  for (int i = 0; i < 15; ++i)
    bench.second({{4 * answers, 0, 1ms}, {4 * answers, 0, 1ms}, {4 * answers, 0, 1ms}});
  REQUIRE(bench.word() == Ejection::none);
  int quarters = 0;
  while (bench.word() == Ejection::none && quarters < 40)
    bench.second({{answers / 2, answers / 2, 1ms}, {answers, 0, 1ms}, {answers, 0, 1ms}}, 250ms), ++quarters;
  CHECK(quarters <= (answers == 20 ? 3 : 12));
}

TEST_CASE("where keys choose the nodes, what one key does wherever it is says nothing of its node") {
  const bool by_one_key = GENERATE(true, false), is_slow = GENERATE(true, false);
  CAPTURE(by_one_key, is_slow);
  EjectionBench bench(3);
  int seconds = 0;
  for (; seconds < 6 && bench.word() == Ejection::none; ++seconds) {
    const bool known_slow = bench.endpoint().pool->slow.load() != base::Duration::max().count();
    for (std::uint64_t key = 0; key < 30; ++key) {
      const bool bad = by_one_key ? key == 0 : key % 2 == 0;
      bench.endpoint().counts.of(key % 2).note_key(key << 58, bad && !is_slow, bad && is_slow && known_slow);
    }
    if (is_slow)
      bench.second({{80, 0, 500ms}, {83, 0, 5ms}, {83, 0, 5ms}});
    else
      bench.second({{40, 40, 5ms}, {83, 0, 5ms}, {83, 0, 5ms}});
  }
  CHECK((bench.word() == Ejection::none) == by_one_key);
  CHECK((by_one_key || seconds <= 4));
}

TEST_CASE("who is out for its answers is recalled when all others are silent, and stays in as long") {
  EjectionBench bench(2);
  bench.answer(503, 5);
  REQUIRE(bench.word() == Ejection::ejected);
  SECTION("not at once") {
    bench.conduct(1).suspect(bench.runtime.now());
    bench.hear();
    CHECK(bench.word() == Ejection::ejected);
    bench.endpoint(1).node->clear_of_suspicion();
  }
  bench.pass(1s);
  REQUIRE(bench.word() == Ejection::ejected);
  bench.conduct(1).suspect(bench.runtime.now());
  bench.hear();
  CHECK(bench.word() == Ejection::probation);
  CHECK(bench.reason() == "the other nodes of the pool do no better");
  bench.answer(503, 5, 0, 0ms);  // that is better than silence
  CHECK(bench.word() == Ejection::probation);
  bench.conduct(1).hear(bench.runtime.now() + 1s);
  bench.answer(503, 1, 0, 0ms);
  CHECK(bench.word() == Ejection::ejected);
}

TEST_CASE("who is out for its answers is recalled when all others fail, and its time goes on where it does") {
  EjectionBench bench(3);
  bench.answer(503, 5);
  REQUIRE(bench.word() == Ejection::ejected);
  bench.pass(1s);
  SECTION("each of them in a row: at once") {
    bench.answer(503, 10, 1);
    CHECK(bench.word() == Ejection::ejected);
    bench.answer(503, 5, 2);
    CHECK(bench.word() == Ejection::probation);
  }
  SECTION("by half and more of their answers: within a quarter of a second") {
    bench.second({{0, 0, 1ms}, {9, 0, 1ms}, {0, 9, 1ms}}, 250ms);
    CHECK(bench.word() == Ejection::ejected);
    bench.second({{0, 0, 1ms}, {0, 9, 1ms}, {0, 9, 1ms}}, 250ms);
    CHECK(bench.word() == Ejection::probation);
  }
  if (bench.word() != Ejection::probation) return;
  bench.answer(200, 5, 0, 0ms);
  CHECK(bench.word() == Ejection::none);
  bench.answer(503, 5, 1);
  CHECK(bench.word(1) == Ejection::ejected);
}

TEST_CASE("who is recalled does not change places with who fails as well, before it has shown what it does") {
  EjectionBench bench(2);
  bench.answer(503, 5);
  bench.pass(1s);
  bench.answer(503, 5, 1);
  REQUIRE(bench.word() == Ejection::probation);
  bench.answer(503, 10, 1);
  CHECK(bench.word(1) == Ejection::none);
  SECTION("that is no better: it is out again") {
    bench.answer(503, 1, 0, 0ms);
    CHECK(bench.word() == Ejection::ejected);
    CHECK(bench.word(1) == Ejection::none);
  }
  SECTION("that is better: the other one is out") {
    bench.answer(200, 5, 0, 0ms);
    bench.answer(503, 1, 1);
    CHECK(bench.word() == Ejection::none);
    CHECK(bench.word(1) == Ejection::ejected);
  }
}

TEST_CASE("a recall in vain costs a node nothing, and the next one comes later") {
  EjectionBench bench(2);
  bench.answer(503, 5);
  const auto recalled = [&] { return bench.word() == Ejection::probation; };
  const auto fail = [&] {
    bench.answer(503, 1, 0, 0ms), bench.conduct(1).suspect(bench.runtime.now()), bench.hear();
  };
  bench.pass(1s);
  bench.conduct(1).suspect(bench.runtime.now());
  bench.hear();
  REQUIRE(recalled());
  bench.endpoint(1).node->clear_of_suspicion();
  fail();
  REQUIRE(bench.word() == Ejection::ejected);
  bench.pass(1900ms);
  CHECK_FALSE(recalled());
  bench.pass(400ms);
  CHECK(recalled());
  bench.endpoint(1).node->clear_of_suspicion();
  bench.answer(503, 1, 0, 0ms);
  REQUIRE(bench.word() == Ejection::ejected);
  CHECK(bench.conduct().strikes == 1);
  bench.pass(6500ms);
  CHECK_FALSE(recalled());
  bench.pass(300ms);  // ten seconds after the first
  CHECK(recalled());
  CHECK(bench.reason() == "its time is over");
}

TEST_CASE("what it answered before it was ejected does not eject it again") {
  EjectionBench bench(2);
  for (int i = 0; i < 3; ++i) bench.second({{0, 80, 1ms}, {80, 0, 1ms}});
  REQUIRE(bench.word() == Ejection::ejected);
  bench.pass(9s);
  bench.answer(200, 5, 0, 0ms);
  REQUIRE(bench.word() == Ejection::none);
  for (int i = 0; i < 5; ++i) bench.second({{80, 0, 1ms}, {80, 0, 1ms}});
  CHECK(bench.word() == Ejection::none);
}

TEST_CASE("a node whose median is over five times the others' for two seconds is ejected") {
  EjectionBench bench(3);
  for (int i = 0; i < 5; ++i) bench.second({{80, 0, 20ms}, {80, 0, 22ms}, {80, 0, 21ms}});
  CHECK(bench.out() == 0);
  int seconds = 0;
  while (bench.word() == Ejection::none && seconds < 10)
    bench.second({{20, 0, 200ms}, {80, 0, 20ms}, {80, 0, 20ms}}), ++seconds;
  CHECK(seconds <= 3);
  CHECK(bench.conduct().ejections(EjectionCause::latency) == 1);
  bench.pass(10s);
  REQUIRE(bench.word() == Ejection::probation);
  bench.answer(200, 1, 0, 0ms);
  bench.pass(300ms);
  for (int i = 0; i < 2; ++i)
    bench.conduct().note_answer(200, bench.runtime.now() - 50ms, bench.runtime.now());
  CHECK(bench.word() == Ejection::probation);
  bench.answer(200, 3, 0, 200ms);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.reason() == "on probation: answered after 200 ms");
}

TEST_CASE("silence is suspicious by what a node usually takes") {
  EjectionBench bench(2);
  CHECK(bench.conduct().suspect_after() == 1s);  // while nothing is known
  bench.second({{1, 0, 1ms}, {1, 0, 1ms}});
  CHECK(bench.conduct().suspect_after() == 1s);
  for (int i = 0; i < 3; ++i) bench.second({{50, 0, 1ms}, {50, 0, 400ms}});
  CHECK(bench.conduct(0).suspect_after() == 250ms);
  CHECK(bench.conduct(1).suspect_after() > 1500ms);
  CHECK(bench.conduct(1).suspect_after() < 1900ms);
  bench.second({{0, 0, 1ms}, {0, 0, 1ms}});
  CHECK(bench.conduct(1).suspect_after() > 1500ms);
}

TEST_CASE("of all answers that a silence held up the first alone says how long they take") {
  EjectionBench bench(2);
  Conduct& conduct = bench.conduct();
  const base::Time asked = bench.runtime.now();
  CHECK(conduct.tells_time(asked));
  CHECK(conduct.tells_time(asked));
  bench.pass(1s);
  conduct.suspect(bench.runtime.now());
  conduct.suspect(bench.runtime.now());
  CHECK(conduct.tells_time(asked));
  CHECK_FALSE(conduct.tells_time(asked));
  CHECK_FALSE(conduct.tells_time(bench.runtime.now()));
  CHECK(conduct.tells_time(bench.runtime.now() + 1ns));
}

TEST_CASE("a stall makes the next silence no less suspicious") {
  EjectionBench bench(2);
  for (int i = 0; i < 3; ++i) bench.second({{50, 0, 5ms}, {50, 0, 5ms}});
  REQUIRE(bench.conduct().suspect_after() == 250ms);
  observe::NodeShare& share = bench.endpoint().counts.of(0);
  for (int i = 0; i < 20; ++i) share.note_answer_time(1s);
  for (int i = 0; i < 19; ++i) share.note_held_up(1s);
  bench.second({{50, 0, 5ms}, {50, 0, 5ms}});
  CHECK(bench.conduct().suspect_after() == 250ms);
  CHECK(bench.word() == Ejection::none);
  // What takes that long otherwise is usual.
  for (int i = 0; i < 20; ++i) share.note_answer_time(1s);
  bench.second({{50, 0, 5ms}, {50, 0, 5ms}});
  CHECK(bench.conduct().suspect_after() > 3s);
}

TEST_CASE("a suspect is eligible still, and cleared by its first byte") {
  EjectionBench bench(2);
  bench.conduct().hear(bench.runtime.now());
  bench.conduct().suspect(bench.runtime.now());
  bench.conduct().suspect(bench.runtime.now());
  CHECK(bench.endpoint().node->eligible());
  CHECK(bench.endpoint().node->state().suspect);
  CHECK(bench.conduct().suspicions() == 1);
  const std::size_t told = bench.told;
  bench.hear();
  CHECK(bench.told == told + 1);
  bench.pass(20ms);
  bench.conduct().hear(bench.runtime.now());
  CHECK_FALSE(bench.endpoint().node->state().suspect);
  CHECK(bench.conduct().heard_at() == bench.runtime.now());
  bench.hear();
  CHECK(bench.told == told + 2);
}

TEST_CASE("soft verdicts that would leave too few nodes are disregarded, hard ones never") {
  EjectionBench bench(4);
  const auto down = [&](std::size_t i, Verdict verdict) {
    bench.endpoint(i).node->set_health(Health::down, verdict);
    bench.prober.changes().note("app", bench.snapshot->pools[0].endpoints[i]);
  };
  const auto eligible = [&] {
    std::string who;
    for (std::size_t i = 0; i < 4; ++i) who += bench.endpoint(i).node->eligible() ? '1' : '0';
    return who;
  };
  down(0, Verdict::soft);
  down(1, Verdict::soft);
  CHECK(eligible() == "0011");
  down(2, Verdict::hard);
  CHECK(eligible() == "0001");  // one of three that nothing hard bars
  down(2, Verdict::soft);
  CHECK(eligible() == "1111");
  down(3, Verdict::hard);
  CHECK(eligible() == "1110");
  bench.endpoint(0).node->set_health(Health::up);
  bench.prober.changes().note("app", bench.snapshot->pools[0].endpoints[0]);
  CHECK(eligible() == "1000");
  bench.use(4, [](config::Pool& pool) { pool.panic = 50; });
  CHECK(eligible() == "1110");
  bench.use(4, [](config::Pool& pool) { pool.panic = 0; });
  CHECK(eligible() == "1000");
}

TEST_CASE("there is no panic while a tier has enough nodes, be it of backups") {
  const auto tiered = [](config::Pool& pool) {
    pool.nodes[2].priority = 1;
    pool.nodes[3].backup = true;
  };
  EjectionBench bench(4, tiered);
  const auto note = [&](std::size_t i, Health health) {
    bench.endpoint(i).node->set_health(health, Verdict::soft);
    bench.prober.changes().note("app", bench.snapshot->pools[0].endpoints[i]);
  };
  const auto eligible = [&](std::size_t i) { return bench.endpoint(i).node->eligible(); };
  note(0, Health::down);
  note(1, Health::down);
  CHECK_FALSE(eligible(0));  // the next tier is whole
  note(2, Health::down);
  CHECK_FALSE(eligible(0));  // so is the backup
  note(3, Health::down);
  for (const std::size_t i : {0, 1, 2, 3}) CHECK(eligible(i));
  note(3, Health::up);
  CHECK_FALSE(eligible(0));
  bench.use(4);  // one tier now: one of four
  CHECK(eligible(0));
  bench.use(4, tiered);
  CHECK_FALSE(eligible(0));
}

TEST_CASE("a node that is out by a soft verdict and pardoned is out for good once it refuses") {
  EjectionBench bench(3, [](config::Pool& pool) { pool.panic = 100; });
  bench.answer(503, 5);
  CHECK(bench.word() == Ejection::ejected);
  CHECK(bench.endpoint().node->eligible());
  bench.refuse(2);
  CHECK_FALSE(bench.endpoint().node->eligible());
  CHECK(bench.out() == 1);
  bench.runtime.next = {&bench.transports[0]};
  bench.pass(200ms);
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.connected();
  CHECK(bench.word() == Ejection::probation);
  CHECK(bench.out() == 0);
}

TEST_CASE("over a reload a node stays out, and comes back when its pool ejects nobody, or it leaves") {
  EjectionBench bench(4);
  bench.answer(503, 5, 0);
  bench.answer(503, 5, 1);
  CHECK(bench.out() == 2);
  bench.use(4);
  CHECK(bench.word(0) == Ejection::ejected);
  CHECK(bench.out() == 2);
  SECTION("a smaller pool") {
    bench.use(2);
    CHECK(bench.out() == 1);
    CHECK((bench.word(0) == Ejection::none) != (bench.word(1) == Ejection::none));
  }
  SECTION("off") {
    bench.use(4, off);
    CHECK(bench.out() == 0);
    CHECK(bench.word(0) == Ejection::none);
    CHECK(bench.reason() == "its pool ejects no nodes any more");
  }
  SECTION("another pool") {
    const auto before = bench.snapshot;
    config::Config config = one_pool({"10.0.0.9:80"});
    bench.snapshot = std::make_shared<const Snapshot>(std::move(config), bench.table, ResolvedNames{});
    bench.ejector.watch(bench.snapshot);
    CHECK(before->pools[0].endpoints[0]->node->state().ejection == Ejection::none);
    CHECK(before->pools[0].shared->ejection.out() == 0);
  }
  SECTION("its time goes on") {
    bench.pass(10010ms);
    CHECK(bench.word(0) == Ejection::probation);
    CHECK(bench.out() == 0);
  }
}

TEST_CASE("another process goes on where this one was") {
  EjectionBench bench(3);
  bench.answer(503, 5);
  const KnownNode known = KnownNode::of(bench.endpoint(), bench.runtime.now());
  CHECK(known.ejection == Ejection::ejected);
  CHECK(known.ejection_verdict == Verdict::soft);
  CHECK(known.strikes == 1);
  EjectionBench next(0);
  next.table.known().add("app", "10.0.0.1:80", known);
  next.use(3);
  CHECK(next.word() == Ejection::ejected);
  CHECK(next.out() == 1);
  next.pass(10010ms);
  CHECK(next.word() == Ejection::probation);
  CHECK(next.out() == 0);
  next.answer(503, 1, 0, 0ms);
  next.pass(19s);
  CHECK(next.word() == Ejection::ejected);
}

TEST_CASE("nodes that are new or come back start slowly, and those of a new process do not") {
  const auto slow = [](config::Pool& pool) { pool.slow_start = 9s; };
  EjectionBench bench(2, slow);
  const auto share = [&](std::size_t i) { return bench.endpoint(i).node->state().share; };
  CHECK(share(0) == 10);
  bench.use(3, slow);
  CHECK(share(1) == 10);
  CHECK(share(2) == 1);
  bench.pass(1010ms);
  CHECK(share(2) == 2);
  bench.pass(8s);
  CHECK(share(2) == 10);
  bench.answer(503, 5, 0);
  CHECK(share(0) == 1);
  bench.pass(10010ms);
  REQUIRE(bench.word(0) == Ejection::probation);
  bench.pass(3s);
  CHECK(share(0) == 1);
  bench.answer(200, 5, 0, 0ms);
  CHECK(bench.word(0) == Ejection::none);
  CHECK(share(0) == 1);
  bench.pass(4020ms);
  CHECK(share(0) == 5);
  bench.use(3);
  CHECK(share(0) == 10);
}

}  // namespace weir::core
