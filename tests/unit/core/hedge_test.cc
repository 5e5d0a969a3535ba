// Two tries at a time: the second begins late, the first answer wins, and nobody hears of the other.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config hedged(base::Duration after, std::vector<std::string> nodes = {"127.0.0.1:1", "127.0.0.1:2"}) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].hedge.after = after;
  return config;
}

// A client, and connections for two nodes.
struct Pair {
  explicit Pair(config::Config config) : bench(std::move(config)) { bench.accept(client); }
  void ask(std::string_view request) {
    bench.ask(client, first, request);
    bench.runtime.next = {&second};
  }
  PoolShare& share() { return bench.nodes.pool_shared("app")->counts.of(0); }
  observe::NodeShare& node(std::size_t number) {
    return bench.nodes.get("app", io::Address::parse(bench.runtime.connects.at(number)).value(), 1)
        ->counts.of(0);
  }

  PlayedTransport client, first, second;
  Bench bench;
};

}  // namespace

TEST_CASE("a second try begins at another node when the first has no answer in time") {
  Pair pair(hedged(50ms));
  pair.ask(kGet);
  pair.bench.runtime.pass(40ms);
  CHECK(pair.bench.runtime.connects.size() == 1);
  pair.bench.runtime.pass(20ms);
  REQUIRE(pair.bench.runtime.connects.size() == 2);
  CHECK(pair.bench.runtime.connects[0] != pair.bench.runtime.connects[1]);
  pair.bench.runtime.connected();
  CHECK(pair.second.written.starts_with("GET / "));
  CHECK(pair.share().hedges.get() == 1);
  SECTION("the second wins") {
    pair.bench.runtime.read(pair.second, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
    CHECK(pair.first.released);
    CHECK_FALSE(pair.second.released);
    CHECK(pair.share().hedges_won.get() == 1);
    CHECK(pair.node(0).cancelled.get() == 1);
    CHECK(pair.node(0).answers.get(0) == 0);
    CHECK(pair.node(1).answers.get(2) == 1);
    observe::Latency::Reading times{};
    pair.node(0).add_latency_to(times);
    CHECK(observe::percentile(times, 1.0) >= 50ms);  // it takes so long at least
  }
  SECTION("the first wins") {
    pair.bench.runtime.read(pair.first, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
    CHECK(pair.second.released);
    CHECK(pair.share().hedges_won.get() == 0);
    CHECK(pair.node(1).cancelled.get() == 1);
  }
  SECTION("the first fails, and the second is waited for") {
    pair.bench.runtime.read_end(pair.first);
    CHECK(pair.client.written.empty());
    pair.bench.runtime.read(pair.second, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
    CHECK(pair.share().retries.get() == 0);
  }
  SECTION("the second fails, and the first is waited for") {
    pair.bench.runtime.read_end(pair.second);
    CHECK(pair.client.written.empty());
    pair.bench.runtime.read(pair.first, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("an answer that would be retried does not win while the other may do better") {
    pair.bench.runtime.read(pair.second, "HTTP/1.1 503 -\r\nContent-Length: 0\r\n\r\n");
    CHECK(pair.client.written.empty());
    pair.bench.runtime.read(pair.first, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("the client goes") {
    pair.bench.runtime.read_error(pair.client);
    CHECK(pair.first.released);
    CHECK(pair.second.released);
    CHECK(pair.node(0).cancelled.get() == 1);
    CHECK(pair.node(1).cancelled.get() == 1);
  }
  SECTION("both are silent") {
    pair.bench.runtime.pass(61s);
    pair.bench.runtime.pass(1s);
    CHECK(pair.client.written.starts_with("HTTP/1.1 504 "));
    CHECK(pair.first.released);
    CHECK(pair.second.released);
  }
}

TEST_CASE("each of two tries has its own deadlines") {
  config::Config config = hedged(500ms);
  config.timeouts.response = 1s;
  Pair pair(std::move(config));
  pair.ask(kGet);
  pair.bench.runtime.pass(510ms);
  pair.bench.runtime.connected();
  pair.bench.runtime.pass(510ms);  // the first has had its time
  CHECK(pair.first.released);
  CHECK(pair.client.written.empty());
  pair.bench.runtime.read(pair.second, kOk);
  CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a second try begins while the first is not even connected") {
  Pair pair(hedged(50ms));
  pair.bench.runtime.next = {&pair.first};
  pair.bench.runtime.read(pair.client, kGet);
  io::TransportHandler* const first = pair.bench.runtime.connecting;
  pair.bench.runtime.next = {&pair.second};
  pair.bench.runtime.pass(60ms);
  REQUIRE(pair.bench.runtime.connects.size() == 2);
  SECTION("and answers") {
    pair.bench.runtime.connected();
    pair.bench.runtime.read(pair.second, kOk);
    CHECK(pair.first.released);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("and the first connects after it") {
    pair.bench.runtime.connected();
    first->on_connected();
    pair.bench.runtime.end_turn();
    CHECK(pair.first.written.starts_with("GET / "));
    pair.bench.runtime.read(pair.first, kOk);
    CHECK(pair.second.released);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("and is refused") {
    pair.bench.runtime.refused();
    CHECK(pair.client.written.empty());
    first->on_connected();
    pair.bench.runtime.end_turn();
    pair.bench.runtime.read(pair.first, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("and the first runs into its timeout") {
    pair.bench.runtime.connected();
    pair.bench.runtime.pass(2s);
    CHECK(pair.first.released);
    CHECK(pair.node(0).connect_timeout.get() == 1);
    pair.bench.runtime.read(pair.second, kOk);
    CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE("no second try begins") {
  const auto none = [](config::Config config, std::string_view request) {
    Pair pair(std::move(config));
    pair.ask(request);
    pair.bench.runtime.pass(10s);
    CHECK(pair.bench.runtime.connects.size() == 1);
    CHECK(pair.share().hedges.get() == 0);
    return pair.share().denied_budget.get();
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";
  CHECK(none(hedged(50ms), post) == 0);
  CHECK(none(hedged(50ms, {"127.0.0.1:1"}), kGet) == 0);
  CHECK(none(hedged(50ms), "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nh") == 0);
  CHECK(none(hedged(50ms), "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n") ==
        0);
  CHECK(none(one_pool({"127.0.0.1:1", "127.0.0.1:2"}), kGet) == 0);
  config::Config once = hedged(50ms);
  once.pools[0].retry.attempts = 1;
  CHECK(none(std::move(once), kGet) == 0);
  config::Config spare = hedged(50ms);
  spare.pools[0].nodes[1].backup = true;
  CHECK(none(std::move(spare), kGet) == 0);
  config::Config off = hedged(50ms);
  off.routes[0].hedge.emplace();
  CHECK(none(std::move(off), kGet) == 0);
}

TEST_CASE("a body goes to the second node too, once all of it is here") {
  Pair pair(hedged(50ms));
  pair.ask("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbo");
  pair.bench.runtime.pass(100ms);
  CHECK(pair.bench.runtime.connects.size() == 1);
  pair.bench.runtime.read(pair.client, "dy");
  pair.bench.runtime.pass(40ms);
  CHECK(pair.bench.runtime.connects.size() == 1);
  pair.bench.runtime.pass(20ms);
  REQUIRE(pair.bench.runtime.connects.size() == 2);
  pair.bench.runtime.connected();
  CHECK(pair.second.written.ends_with("\r\n\r\nbody"));
}

TEST_CASE("what changes something has one try at a time, whether it may be repeated or not") {
  for (const char* request :
       {"PUT / HTTP/1.1\r\nHost: a.test\r\n\r\n", "DELETE / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n"}) {
    Pair pair(hedged(50ms));
    pair.ask(request);
    pair.bench.runtime.pass(1s);
    CHECK(pair.bench.runtime.connects.size() == 1);
  }
}

TEST_CASE("after both tries have failed the retries go on as ever") {
  Pair pair(hedged(50ms, {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}));
  PlayedTransport third;
  pair.ask(kGet);
  pair.bench.runtime.pass(60ms);
  pair.bench.runtime.connected();
  pair.bench.runtime.read_end(pair.first);
  pair.bench.runtime.next = {&third};
  pair.bench.runtime.read_end(pair.second);
  pair.bench.runtime.pass(40ms);
  REQUIRE(pair.bench.runtime.connects.size() == 3);
  pair.bench.runtime.connected();
  pair.bench.runtime.read(third, kOk);
  CHECK(pair.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("interim answers come from the first try alone") {
  Pair pair(hedged(50ms));
  pair.ask(kGet);
  pair.bench.runtime.pass(60ms);
  pair.bench.runtime.connected();
  pair.bench.runtime.read(pair.second, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  CHECK(pair.client.written.empty());
}

TEST_CASE("a percentile is measured, and there is no second try before that") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].hedge.percentile = 90;
  Pair pair(std::move(config));
  PlayedTransport spare;
  pair.bench.runtime.next = {&pair.first, &pair.second, &spare};
  const auto answer_after = [&](base::Duration span) {
    pair.bench.runtime.read(pair.client, kGet);
    if (pair.first.written.empty() && pair.second.written.empty()) pair.bench.runtime.connected();
    pair.bench.runtime.pass(span);
    PlayedTransport& asked = pair.first.written.empty() ? pair.second : pair.first;
    asked.take_written();
    pair.bench.runtime.read(asked, kOk);
  };
  for (int i = 0; i < 30; ++i) answer_after(20ms);
  CHECK(pair.share().hedges.get() == 0);
  pair.client.take_written();
  pair.bench.runtime.read(pair.client, kGet);
  pair.bench.runtime.pass(60ms);
  CHECK(pair.share().hedges.get() == 1);
}

}  // namespace weir::core
