// Limits of what is in flight at a pool and its nodes, and the queue in front of them.
#include <chrono>
#include <deque>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config limited(std::uint64_t pool, std::uint64_t node = config::kUnlimited,
                       std::vector<std::string> nodes = {"127.0.0.1:1"}) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].max_in_flight = pool;
  for (config::Node& each : config.pools[0].nodes) each.max_in_flight = node;
  return config;
}

// With a listener for raw connections.
config::Config with_raw_listener(config::Config config) {
  config.listeners.emplace_back();
  config.listeners.back().mode = config::Mode::tcp;
  config.listeners.back().name = "raw";
  return config;
}

io::Ip ip(const char* text) {
  return io::Ip::parse(text).value();
}

// Clients that ask, and nodes that answer when they are told to.
struct Rush {
  explicit Rush(config::Config config) : bench(std::move(config)) {}

  // A client that asks now. Whether a connection to a node is made for it.
  bool ask(PlayedTransport& client, PlayedTransport& node, const std::string& path = "/") {
    const std::size_t before = bench.runtime.connects.size();
    if (client.handler == nullptr) bench.accept(client);
    bench.runtime.next = {&node};
    bench.runtime.read(client, "GET " + path + " HTTP/1.1\r\nHost: a.test\r\n\r\n");
    if (bench.runtime.connects.size() == before) return false;
    bench.runtime.connected();
    return true;
  }
  void answer(PlayedTransport& node) {
    bench.runtime.read(node, kOk);
    bench.runtime.deliver_mail();
  }
  PoolGate& gate() { return bench.nodes.pool_shared("app")->gate; }
  PoolShare& share() { return bench.nodes.pool_shared("app")->counts.of(0); }
  Endpoint& endpoint(std::size_t number) {
    return *bench.nodes.find("app", io::Address::parse("127.0.0.1:" + std::to_string(number)).value());
  }
  balancer::Node& node(std::size_t number) { return *endpoint(number).node; }

  PlayedTransport a, b, c, d, first, second, third;
  Bench bench;
};

bool is_ok(const PlayedTransport& client) {
  return client.written.starts_with("HTTP/1.1 200 ");
}

}  // namespace

TEST_CASE("a request past the pool's limit waits until one before it has its answer") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  CHECK(rush.gate().waiting() == 1);
  CHECK(rush.gate().in_flight() == 1);
  rush.bench.runtime.pass(1s);
  rush.answer(rush.first);
  CHECK(is_ok(rush.a));
  CHECK(rush.gate().waiting() == 0);
  CHECK(rush.gate().in_flight() == 1);
  rush.answer(rush.first);
  CHECK(is_ok(rush.b));
  CHECK(rush.gate().in_flight() == 0);
  CHECK(rush.share().queued.sum_ns() == 1'000'000'000);
}

TEST_CASE("a node at its limit is passed over, and where all are at theirs requests wait") {
  Rush rush(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  REQUIRE(rush.ask(rush.b, rush.second));
  CHECK(rush.bench.runtime.connects[0] != rush.bench.runtime.connects[1]);
  CHECK_FALSE(rush.ask(rush.c, rush.third));
  CHECK(rush.node(1).in_flight() == 1);
  CHECK(rush.node(2).in_flight() == 1);
  rush.answer(rush.second);
  rush.answer(rush.second);
  CHECK(is_ok(rush.c));
}

TEST_CASE("who waits for a suspect needs no second place of the pool to be helped") {
  Rush rush(limited(1, config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"}));
  for (const std::size_t node : {1, 2}) rush.endpoint(node).conduct.set_suspect_after(250ms);
  REQUIRE(rush.ask(rush.a, rush.first, "/a"));
  CHECK_FALSE(rush.ask(rush.b, rush.third, "/b"));
  rush.bench.runtime.next = {&rush.second};
  rush.bench.runtime.pass(260ms);
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  rush.bench.runtime.connected();
  CHECK(rush.second.written.starts_with("GET /a "));
  CHECK(rush.gate().in_flight() == 1);
  CHECK(rush.node(1).in_flight() == 1);
  CHECK(rush.node(2).in_flight() == 1);
  SECTION("both are over with the answer") {
    rush.answer(rush.second);
    CHECK(is_ok(rush.a));
    CHECK(rush.first.released);
    CHECK(rush.gate().waiting() == 0);
    CHECK(rush.gate().in_flight() == 1);
    CHECK(rush.second.written.find("GET /b ") != std::string::npos);
    rush.answer(rush.second);
    CHECK(is_ok(rush.b));
    CHECK(rush.gate().in_flight() == 0);
  }
  SECTION("the place is kept as long as one of the two goes on") {
    rush.bench.runtime.read_end(rush.second);
    rush.bench.runtime.deliver_mail();
    CHECK(rush.gate().in_flight() == 1);
    CHECK(rush.gate().waiting() == 1);
    rush.answer(rush.first);
    CHECK(is_ok(rush.a));
    CHECK(rush.first.written.find("GET /b ") != std::string::npos);
    CHECK(rush.gate().in_flight() == 1);
  }
}

TEST_CASE("clients have their turns one after the other") {
  Rush rush(limited(1));
  PlayedTransport again;
  rush.a.ip = rush.b.ip = rush.c.ip = ip("10.0.0.1");
  rush.d.ip = ip("10.0.0.2");
  REQUIRE(rush.ask(rush.a, rush.first, "/a"));
  CHECK_FALSE(rush.ask(rush.b, rush.second, "/b"));
  CHECK_FALSE(rush.ask(rush.c, rush.second, "/c"));
  CHECK_FALSE(rush.ask(rush.d, rush.second, "/d"));
  for (int i = 0; i < 4; ++i) rush.answer(rush.first);
  const std::string& read = rush.first.written;
  CHECK(read.find("GET /b") < read.find("GET /d"));
  CHECK(read.find("GET /d") < read.find("GET /c"));
  CHECK(is_ok(rush.c));
}

TEST_CASE("who comes while others wait, waits behind them, also if there is room just then") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first, "/a"));
  CHECK_FALSE(rush.ask(rush.b, rush.second, "/b"));
  rush.bench.runtime.read(rush.first, kOk);  // the turn's news is on its way
  CHECK(rush.gate().in_flight() == 0);
  CHECK_FALSE(rush.ask(rush.c, rush.second, "/c"));
  rush.bench.runtime.deliver_mail();
  CHECK(rush.first.written.find("GET /b") != std::string::npos);
  CHECK(rush.first.written.find("GET /c") == std::string::npos);
  rush.answer(rush.first);
  rush.answer(rush.first);
  CHECK(is_ok(rush.c));
}

TEST_CASE("a queue without room answers at once") {
  config::Config config = limited(1);
  config.pools[0].queue.size = 0;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  CHECK(rush.b.written.starts_with("HTTP/1.1 503 "));
  CHECK(rush.b.written.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(rush.b.written.find("queue_full") != std::string::npos);
  CHECK(rush.share().queue_full.get() == 1);
  CHECK(rush.gate().waiting() == 0);
  rush.answer(rush.first);
  REQUIRE(rush.ask(rush.b, rush.second) == false);  // over the connection that is there
  rush.answer(rush.first);
  CHECK(rush.b.written.find("HTTP/1.1 200 ") != std::string::npos);
}

TEST_CASE("who has waited for queue.timeout is told so, and the place goes to the next") {
  config::Config config = limited(1);
  config.pools[0].queue.timeout = 2s;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.pass(1s);
  CHECK_FALSE(rush.ask(rush.c, rush.second));
  rush.bench.runtime.pass(1010ms);
  CHECK(rush.b.written.starts_with("HTTP/1.1 503 "));
  CHECK(rush.b.written.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(rush.b.written.find("queue_timeout") != std::string::npos);
  CHECK(rush.share().queue_timeout.get() == 1);
  CHECK(rush.c.written.empty());
  rush.answer(rush.first);
  rush.answer(rush.first);
  CHECK(is_ok(rush.c));
}

TEST_CASE("a queue that stands sends those away that have waited longest, and serves the newest") {
  Rush rush(limited(1));
  rush.a.ip = ip("10.0.0.1");
  rush.b.ip = ip("10.0.0.2");
  rush.c.ip = rush.d.ip = ip("10.0.0.3");
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second, "/b"));
  rush.bench.runtime.pass(1600ms);
  CHECK_FALSE(rush.ask(rush.c, rush.second, "/c"));  // which finds that it stands
  rush.bench.runtime.deliver_mail();
  CHECK(rush.b.written.starts_with("HTTP/1.1 503 "));
  CHECK(rush.b.written.find("queue_timeout") != std::string::npos);
  CHECK(rush.share().shed.get() == 1);
  CHECK(rush.share().queue_timeout.get() == 0);
  rush.bench.runtime.pass(1600ms);
  CHECK_FALSE(rush.ask(rush.d, rush.second, "/d"));
  rush.bench.runtime.deliver_mail();
  CHECK(rush.c.written.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("an answer that is dropped keeps no place from the next try") {
  Rush rush(limited(1, config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  rush.bench.runtime.next = {&rush.second};
  rush.bench.runtime.read(rush.first, "HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nb");
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  rush.bench.runtime.connected();
  rush.answer(rush.second);
  CHECK(is_ok(rush.a));
  CHECK(rush.first.released);
}

TEST_CASE("a request that waits keeps its own deadline") {
  config::Config config = limited(1);
  config.timeouts.request = 1s;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  rush.bench.runtime.pass(500ms);
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.pass(1010ms);
  CHECK(rush.b.written.starts_with("HTTP/1.1 504 "));
  CHECK(rush.gate().waiting() == 0);
}

TEST_CASE("a client that goes while it has a turn loses nobody's place") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first, "/a"));
  CHECK_FALSE(rush.ask(rush.b, rush.second, "/b"));
  CHECK_FALSE(rush.ask(rush.c, rush.second, "/c"));
  rush.bench.runtime.read(rush.first, kOk);
  rush.bench.runtime.read_error(rush.b);  // before it hears of its turn
  rush.bench.runtime.deliver_mail();
  CHECK(rush.first.written.find("GET /b") == std::string::npos);
  CHECK(rush.first.written.find("GET /c") != std::string::npos);
  rush.answer(rush.first);
  CHECK(is_ok(rush.c));
  CHECK(rush.gate().waiting() == 0);
  CHECK(rush.gate().in_flight() == 0);
}

TEST_CASE("a client that goes while it waits is out of the queue") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.read_error(rush.b);
  CHECK(rush.gate().waiting() == 0);
}

TEST_CASE("the body of a request that waits is kept, and sent with it") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  rush.bench.accept(rush.b);
  rush.bench.runtime.read(rush.b, "PUT /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabc");
  CHECK(rush.gate().waiting() == 1);
  rush.bench.runtime.read(rush.b, "def");
  rush.answer(rush.first);
  CHECK(rush.first.written.ends_with("abcdef"));
  rush.answer(rush.first);
  CHECK(is_ok(rush.b));
}

TEST_CASE("another configuration with a higher limit lets those in that wait, one without a limit all") {
  const bool any = GENERATE(false, true);
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  CHECK_FALSE(rush.ask(rush.c, rush.second));
  rush.bench.runtime.next = {&rush.second, &rush.third};
  rush.bench.publish(limited(any ? config::kUnlimited : 3));
  rush.bench.runtime.deliver_mail();
  CHECK(rush.gate().waiting() == 0);
  CHECK(rush.bench.runtime.connects.size() == 3);
  CHECK(rush.node(1).in_flight() == 3);
}

TEST_CASE("who waits goes by another configuration's queue.timeout, from when it began to wait") {
  const bool shorter = GENERATE(true, false);
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.pass(500ms);
  config::Config next = limited(1);
  next.pools[0].queue.timeout = shorter ? 1s : 8s;
  rush.bench.publish(std::move(next));
  rush.bench.runtime.deliver_mail();
  rush.bench.runtime.pass(shorter ? 400ms : 7400ms);
  CHECK(rush.b.written.empty());
  rush.bench.runtime.pass(200ms);
  CHECK(rush.b.written.find("queue_timeout") != std::string::npos);
  CHECK(rush.share().queue_timeout.get() == 1);
}

TEST_CASE("another configuration with a shorter queue turns the newest away") {
  PlayedTransport fourth;  // outlives them
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  CHECK_FALSE(rush.ask(rush.c, rush.second));
  CHECK_FALSE(rush.ask(rush.d, rush.second));
  config::Config next = limited(1);
  SECTION("those past its size") {
    next.pools[0].queue.size = 1;
    rush.bench.publish(std::move(next));
    rush.bench.runtime.deliver_mail();
    CHECK(rush.b.written.empty());
    CHECK(rush.c.written.find("queue_full") != std::string::npos);
    CHECK(rush.share().queue_full.get() == 2);
    CHECK(rush.gate().waiting() == 1);
    rush.answer(rush.first);
    rush.answer(rush.first);
    CHECK(is_ok(rush.b));
  }
  SECTION("all, where nobody may wait") {
    next.pools[0].queue.size = 0;
    if (GENERATE(false, true)) {  // one has been called in vain
      rush.gate().poke();
      rush.bench.runtime.deliver_mail();
    }
    rush.bench.publish(std::move(next));
    rush.bench.runtime.deliver_mail();
    for (PlayedTransport* each : {&rush.b, &rush.c, &rush.d})
      CHECK(each->written.find("queue_full") != std::string::npos);
    CHECK(rush.gate().waiting() == 0);
  }
  SECTION("but nobody, where nothing is limited any more") {
    next = limited(config::kUnlimited);
    next.pools[0].queue.size = 0;
    rush.bench.runtime.next = {&rush.second, &rush.third, &fourth};
    rush.bench.publish(std::move(next));
    rush.bench.runtime.deliver_mail();
    CHECK(rush.bench.runtime.connects.size() == 4);
    CHECK(rush.share().queue_full.get() == 0);
  }
}

TEST_CASE("a node that joins takes those that wait") {
  Rush rush(limited(config::kUnlimited, 1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.next = {&rush.second};
  rush.bench.publish(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  CHECK(rush.bench.runtime.connects[1] == "127.0.0.1:2");
  CHECK(rush.gate().waiting() == 0);
}

TEST_CASE("who has left a quiet node and waits goes by another configuration's nodes") {
  struct Taker final : io::Deferred {
    void run_deferred() override { place = Place::take(*gate, *node); }
    PoolGate* gate = nullptr;
    balancer::Node* node = nullptr;
    std::optional<Place> place;
  } taker;
  Rush rush(limited(1, config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"}));
  for (const std::size_t node : {1, 2}) rush.endpoint(node).conduct.set_suspect_after(250ms);
  rush.bench.accept(rush.a);
  rush.bench.runtime.next = {&rush.first};
  rush.bench.runtime.read(rush.a, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(rush.bench.runtime.connects.size() == 1);
  taker.gate = &rush.gate();
  taker.node = &rush.node(2);
  rush.bench.runtime.defer(taker);  // it takes the place that is left, before the request is at another node
  rush.bench.runtime.pass(260ms);
  REQUIRE(taker.place);
  REQUIRE(rush.gate().waiting() == 1);
  config::Config others = limited(1, config::kUnlimited, {"127.0.0.1:3", "127.0.0.1:4"});
  others.pools[0].nodes[0].weight = 1000;  // so that it has the first turn
  rush.bench.publish(std::move(others));
  rush.bench.runtime.next = {&rush.second};
  taker.place.reset();
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  CHECK(rush.bench.runtime.connects[1] == "127.0.0.1:3");
}

TEST_CASE("those that wait at a pool that goes are asked for their route anew") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  config::Config other = limited(1);
  other.pools[0].name = other.routes[0].pool = "other";
  rush.bench.runtime.next = {&rush.second};
  rush.bench.publish(std::move(other));
  rush.bench.runtime.deliver_mail();
  CHECK(rush.bench.runtime.connects.size() == 2);
  rush.bench.runtime.connected();
  rush.bench.runtime.read(rush.second, kOk);
  CHECK(is_ok(rush.b));
}

TEST_CASE("a node that joins takes a request that is told another host, by the name that its client said") {
  config::Config config = limited(config::kUnlimited, 1);
  config.routes[0].match.host = "a.test";
  config.routes[0].host = "before.test";
  Rush rush(config);
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK(rush.first.written.find("\r\nHost: before.test\r\n") != std::string::npos);
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.next = {&rush.second};
  config::Config next = limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"});
  next.routes[0].match.host = "a.test";
  if (GENERATE(false, true)) next.routes[0].host = "after.test";
  const std::string host = next.routes[0].host.value_or("a.test");
  rush.bench.publish(std::move(next));
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  CHECK(rush.bench.runtime.connects[1] == "127.0.0.1:2");
  rush.bench.runtime.connected();
  CHECK(rush.second.written.find("\r\nHost: " + host + "\r\n") != std::string::npos);
}

TEST_CASE("a call that waits goes by another configuration too, if its nodes take calls") {
  const auto calls = [](config::Protocol protocol, std::vector<std::string> nodes) {
    config::Config config = limited(config::kUnlimited, 1, std::move(nodes));
    config.pools[0].protocol = protocol;
    return config;
  };
  Rush rush(calls(config::Protocol::h2, {"127.0.0.1:1"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  rush.bench.accept(rush.b);
  rush.bench.runtime.read(
      rush.b,
      "POST /a.B/C HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc-web+proto\r\n"
      "Content-Length: 5\r\n\r\n" +
          std::string(5, '\0'));
  REQUIRE(rush.gate().waiting() == 1);
  rush.bench.runtime.next = {&rush.second};
  SECTION("they do") {
    rush.bench.publish(calls(config::Protocol::h2, {"127.0.0.1:1", "127.0.0.1:2"}));
    rush.bench.runtime.deliver_mail();
    REQUIRE(rush.bench.runtime.connects.size() == 2);
    CHECK(rush.bench.runtime.connects[1] == "127.0.0.1:2");
  }
  SECTION("they do not, and it is told so") {
    rush.bench.publish(calls(config::Protocol::h1, {"127.0.0.1:1", "127.0.0.1:2"}));
    rush.bench.runtime.deliver_mail();
    CHECK(rush.bench.runtime.connects.size() == 1);
    CHECK(rush.b.written.find("no_node") != std::string::npos);
  }
  CHECK(rush.gate().waiting() == 0);
}

TEST_CASE("a node that takes requests again takes those that wait") {
  Rush rush(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  rush.node(2).set_health(balancer::Health::down);
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.node(2).set_health(balancer::Health::up);
  rush.bench.runtime.next = {&rush.second};
  NodeChanges changes;
  changes.pools.insert("app");
  rush.bench.path.on_nodes_changed(changes);
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  CHECK(rush.bench.runtime.connects[1] == "127.0.0.1:2");
}

TEST_CASE("where no node takes requests nobody waits for one") {
  Rush rush(limited(1));
  REQUIRE(rush.ask(rush.a, rush.first));
  rush.node(1).set_health(balancer::Health::down);
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  CHECK(rush.b.written.find("no_node") != std::string::npos);
}

TEST_CASE("who waits where no node takes requests any more is told so at once") {
  Rush rush(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  REQUIRE(rush.ask(rush.b, rush.second));
  CHECK_FALSE(rush.ask(rush.c, rush.third));
  CHECK_FALSE(rush.ask(rush.d, rush.third));
  NodeChanges changes;
  changes.pools.insert("app");
  rush.node(1).set_health(balancer::Health::down);
  rush.bench.path.on_nodes_changed(changes);
  rush.bench.runtime.deliver_mail();
  CHECK(rush.gate().waiting() == 2);
  rush.node(2).set_health(balancer::Health::down);
  rush.bench.path.on_nodes_changed(changes);
  rush.bench.runtime.deliver_mail();
  CHECK(rush.gate().waiting() == 0);
  CHECK(rush.c.written.find("no_node") != std::string::npos);
  CHECK(rush.d.written.find("no_node") != std::string::npos);
}

TEST_CASE("what began without a limit counts as soon as there is one") {
  Rush rush(one_pool({"127.0.0.1:1"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  REQUIRE(rush.ask(rush.b, rush.second));
  CHECK(rush.gate().in_flight() == 0);
  rush.bench.publish(limited(2));
  CHECK(rush.gate().in_flight() == 2);
  CHECK_FALSE(rush.ask(rush.c, rush.third));
  CHECK(rush.gate().waiting() == 1);
  rush.answer(rush.second);
  CHECK(rush.gate().waiting() == 0);
  rush.answer(rush.second);
  CHECK(is_ok(rush.c));
  rush.answer(rush.first);
  CHECK(rush.gate().in_flight() == 0);
}

TEST_CASE("a retry waits before all that have not been tried") {
  config::Config config = limited(1, config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].retry.budget = config::kNoBudget;
  Rush rush(std::move(config));
  rush.a.ip = ip("10.0.0.1");
  rush.b.ip = ip("10.0.0.2");
  REQUIRE(rush.ask(rush.a, rush.first, "/a"));
  CHECK_FALSE(rush.ask(rush.b, rush.second, "/b"));
  CHECK_FALSE(rush.ask(rush.c, rush.second, "/c"));
  rush.bench.runtime.next = {&rush.second, &rush.third};
  rush.bench.runtime.read_end(rush.first);  // without an answer: /b has the turn already
  CHECK(rush.gate().waiting() == 3);
  rush.bench.runtime.deliver_mail();
  rush.bench.runtime.connected();
  CHECK(rush.second.written.starts_with("GET /b"));
  rush.answer(rush.second);
  const std::string last = rush.second.written + rush.third.written;
  if (rush.bench.runtime.connects.size() == 3) rush.bench.runtime.connected();
  CHECK((rush.second.written + rush.third.written).find("GET /a") != std::string::npos);
  CHECK((rush.second.written + rush.third.written).find("GET /c") == std::string::npos);
}

TEST_CASE("where nobody waits another try does not either, and its client hears why the first one failed") {
  config::Config config = limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].queue.size = 0;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  REQUIRE(rush.ask(rush.b, rush.second));
  rush.bench.runtime.read_error(rush.second);
  CHECK(rush.gate().waiting() == 0);
  CHECK(rush.b.written.find("upstream_reset") != std::string::npos);
}

TEST_CASE("who waits for a node that it has not tried keeps nobody from the others") {
  Rush rush(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  REQUIRE(rush.ask(rush.a, rush.first));
  const std::string taken = rush.bench.runtime.connects[0];
  rush.bench.accept(rush.b);
  rush.bench.runtime.next = {&rush.second};
  rush.bench.runtime.read(rush.b, kGet);
  rush.bench.runtime.refused();  // the other node is at its limit
  rush.bench.runtime.deliver_mail();
  CHECK(rush.gate().waiting() == 1);
  rush.bench.accept(rush.c);
  rush.bench.runtime.next = {&rush.third};
  rush.bench.runtime.read(rush.c, kGet);
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 3);
  CHECK(rush.bench.runtime.connects[2] != taken);
  CHECK(rush.gate().waiting() == 1);
  rush.answer(rush.first);
  CHECK(rush.gate().waiting() == 0);
}

TEST_CASE("a place that comes free at a node which has gone down costs one call, however many wait") {
  config::Config config = limited(config::kUnlimited, 2);
  config.pools[0].queue.timeout = 60s;
  std::deque<PlayedTransport> clients(1000);
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  REQUIRE(rush.ask(rush.b, rush.second));
  for (PlayedTransport& client : clients) CHECK_FALSE(rush.ask(client, rush.third));
  REQUIRE(rush.gate().waiting() == clients.size());
  rush.node(1).set_health(balancer::Health::down);
  std::size_t before = rush.bench.runtime.posted;
  rush.answer(rush.first);
  CHECK(rush.bench.runtime.posted - before == 1);
  CHECK(rush.gate().waiting() == clients.size());
  before = rush.bench.runtime.posted;
  rush.answer(rush.second);
  CHECK(rush.bench.runtime.posted - before == 1);
  rush.node(1).set_health(balancer::Health::up);
  rush.bench.runtime.next = {&rush.third, &rush.d};
  rush.gate().poke();
  rush.bench.runtime.deliver_mail();  // the one place, and the other
  CHECK(rush.node(1).in_flight() == 2);
  CHECK(rush.gate().waiting() == clients.size() - 2);
}

TEST_CASE("sessions at a node that is leaving go on behind others that wait, where no other node is left") {
  config::Config config = limited(config::kUnlimited, 1);
  config.pools[0].sticky.emplace();
  config.pools[0].sticky->secret = "sixteen-letters-or-more";
  const StickyTokens tokens(*config.pools[0].sticky, "sixteen-letters-or-more", "app", {"127.0.0.1:1"});
  const std::string_view cookie = tokens.cookie(0, StickyTokens::Secure::no);
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  CHECK_FALSE(rush.ask(rush.b, rush.second));
  rush.bench.accept(rush.c);
  rush.bench.runtime.read(rush.c, "GET /c HTTP/1.1\r\nHost: a.test\r\nCookie: " +
                                      std::string(cookie.substr(0, cookie.find(';'))) + "\r\n\r\n");
  REQUIRE(rush.gate().waiting() == 2);
  rush.endpoint(1).begin_drain(rush.bench.runtime.now());
  rush.node(1).set_operator(balancer::Operator::drain);
  rush.bench.runtime.next = {&rush.second};
  rush.answer(rush.first);
  REQUIRE(rush.bench.runtime.connects.size() == 2);
  rush.bench.runtime.connected();
  CHECK(rush.second.written.starts_with("GET /c "));
  CHECK(rush.gate().waiting() == 1);
}

TEST_CASE("a session's node that is leaving and has room serves it, whoever waits for the others before it") {
  config::Config config = limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].sticky.emplace();
  config.pools[0].sticky->secret = "sixteen-letters-or-more";
  const StickyTokens tokens(*config.pools[0].sticky, "sixteen-letters-or-more", "app", {"127.0.0.1:2"});
  const std::string_view cookie = tokens.cookie(0, StickyTokens::Secure::no);
  const std::string with_cookie =
      " HTTP/1.1\r\nHost: a.test\r\nCookie: " + std::string(cookie.substr(0, cookie.find(';'))) + "\r\n\r\n";
  Rush rush(std::move(config));
  rush.endpoint(2).begin_drain(rush.bench.runtime.now());
  rush.node(2).set_operator(balancer::Operator::drain);
  rush.bench.accept(rush.a);
  rush.bench.ask(rush.a, rush.first, "GET /a" + with_cookie);
  REQUIRE(rush.bench.runtime.connects == std::vector<std::string>{"127.0.0.1:2"});
  REQUIRE(rush.ask(rush.b, rush.second));
  CHECK_FALSE(rush.ask(rush.c, rush.third));
  rush.bench.accept(rush.d);
  const bool comes_before = GENERATE(true, false);
  if (comes_before) rush.bench.runtime.read(rush.d, "GET /d" + with_cookie);
  rush.answer(rush.first);
  if (!comes_before) rush.bench.runtime.read(rush.d, "GET /d" + with_cookie);
  rush.bench.runtime.deliver_mail();
  REQUIRE(rush.bench.runtime.connects.size() == 3);
  CHECK(rush.bench.runtime.connects[2] == "127.0.0.1:2");
  CHECK(rush.gate().waiting() == 1);
}

TEST_CASE("another try waits for a node that is only full, although there is a backup") {
  config::Config config = limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"});
  config.pools[0].nodes[2].backup = true;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  const std::string taken = rush.bench.runtime.connects[0];
  rush.bench.accept(rush.b);
  rush.bench.runtime.next = {&rush.second, &rush.third};
  rush.bench.runtime.read(rush.b, kGet);
  rush.bench.runtime.refused();
  CHECK(rush.gate().waiting() == 1);
  CHECK(rush.node(3).in_flight() == 0);
  SECTION("until it has room") {
    rush.answer(rush.first);
    CHECK(rush.gate().waiting() == 0);
    rush.answer(rush.first);
    CHECK(is_ok(rush.b));
  }
  SECTION("until it takes no requests any more") {
    rush.node(taken.ends_with('1') ? 1 : 2).set_health(balancer::Health::down);
    NodeChanges changes;
    changes.pools.insert("app");
    rush.bench.path.on_nodes_changed(changes);
    rush.bench.runtime.deliver_mail();
    CHECK(rush.bench.runtime.connects.back() == "127.0.0.1:3");
  }
}

TEST_CASE("an answer that is to be retried waits for a node that is only full") {
  const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
  config::Config config = limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].retry.backoff = base::Duration::zero();
  const auto both_busy = [&busy](Rush& rush) {
    REQUIRE(rush.ask(rush.a, rush.first));
    REQUIRE(rush.ask(rush.b, rush.second));
    rush.bench.runtime.read(rush.second, busy);
    rush.bench.runtime.deliver_mail();
  };
  SECTION("until it has room") {
    Rush rush(std::move(config));
    both_busy(rush);
    CHECK(rush.b.written.empty());
    CHECK(rush.gate().waiting() == 1);
    CHECK(rush.share().retries.get() == 1);
    rush.answer(rush.first);
    CHECK(rush.gate().waiting() == 0);
    rush.answer(rush.first);
    CHECK(is_ok(rush.b));
  }
  SECTION("but not without a retry that is paid for") {
    config.pools[0].retry.budget = 0;
    Rush rush(std::move(config));
    both_busy(rush);
    CHECK(rush.b.written.ends_with("busy"));
  }
  SECTION("but not where nobody waits") {
    config.pools[0].queue.size = 0;
    Rush rush(std::move(config));
    both_busy(rush);
    CHECK(rush.b.written.ends_with("busy"));
  }
}

TEST_CASE("a second try beside the first is made where there is room alone") {
  config::Config config = limited(2, config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].hedge.after = 50ms;
  Rush rush(std::move(config));
  REQUIRE(rush.ask(rush.a, rush.first));
  SECTION("there is") {
    rush.bench.runtime.next = {&rush.second};
    rush.bench.runtime.pass(60ms);
    CHECK(rush.bench.runtime.connects.size() == 2);
    CHECK(rush.gate().in_flight() == 2);
  }
  SECTION("there is none, and nothing is paid for") {
    REQUIRE(rush.ask(rush.b, rush.second));
    rush.bench.runtime.next = {&rush.third};
    rush.bench.runtime.pass(60ms);
    CHECK(rush.bench.runtime.connects.size() == 2);
    CHECK(rush.gate().in_flight() == 2);
    CHECK(rush.share().hedges.get() == 0);
  }
}

TEST_CASE("raw connections count as one each, and wait for their turn") {
  Rush rush(with_raw_listener(limited(1)));
  rush.bench.reception->use({.mode = config::Mode::tcp, .name = "raw"});
  rush.bench.runtime.next = {&rush.first};
  rush.bench.accept(rush.a);
  rush.bench.runtime.connected();
  CHECK(rush.gate().in_flight() == 1);
  rush.bench.accept(rush.b);
  rush.bench.runtime.end_turn();
  CHECK(rush.bench.runtime.connects.size() == 1);
  CHECK(rush.gate().waiting() == 1);
  SECTION("and have it") {
    rush.bench.runtime.next = {&rush.second};
    rush.bench.runtime.read_error(rush.a);
    rush.bench.runtime.deliver_mail();
    REQUIRE(rush.bench.runtime.connects.size() == 2);
    rush.bench.runtime.connected();
    CHECK(rush.gate().waiting() == 0);
    CHECK(rush.gate().in_flight() == 1);
    rush.bench.runtime.read(rush.b, "abc");
    CHECK(rush.second.written == "abc");
  }
  SECTION("or are gone, though they had half-closed before") {
    rush.bench.runtime.read(rush.b, "abc");
    rush.bench.runtime.read_end(rush.b);
    CHECK(rush.gate().waiting() == 1);
    rush.bench.runtime.write_error(rush.b);
    CHECK(rush.gate().waiting() == 0);
    CHECK(rush.bench.listener.refused.get(base::Reason::client_gone) == 1);
  }
  SECTION("or not, in time") {
    rush.bench.runtime.pass(5010ms);
    CHECK(rush.b.was_reset);
    CHECK(rush.gate().waiting() == 0);
    CHECK(rush.share().queue_timeout.get() == 1);
  }
}

TEST_CASE("a raw connection that waits goes by another configuration") {
  Rush rush(with_raw_listener(limited(config::kUnlimited, 1)));
  rush.bench.reception->use({.mode = config::Mode::tcp, .name = "raw"});
  rush.b.ip = ip("10.0.0.2");
  rush.bench.runtime.next = {&rush.first};
  rush.bench.accept(rush.a);
  rush.bench.runtime.connected();
  rush.bench.accept(rush.b);
  REQUIRE(rush.gate().waiting() == 1);
  rush.bench.runtime.next = {&rush.second};
  config::Config next = with_raw_listener(limited(config::kUnlimited, 1, {"127.0.0.1:1", "127.0.0.1:2"}));
  const auto published = [&rush](config::Config config) {
    const auto old = rush.bench.publish(std::move(config));
    rush.bench.runtime.deliver_mail();
    return rush.bench.runtime.connects.size() == 2 ? rush.bench.runtime.connects[1] : "";
  };
  SECTION("with another node") {
    CHECK(published(std::move(next)) == "127.0.0.1:2");
    CHECK(rush.gate().waiting() == 0);
  }
  SECTION("in which it may wait for a shorter time") {
    next.pools[0].nodes.pop_back();
    next.pools[0].queue.timeout = 1s;
    CHECK(published(std::move(next)) == "");
    rush.bench.runtime.pass(990ms);
    CHECK_FALSE(rush.b.was_reset);
    rush.bench.runtime.pass(20ms);
    CHECK(rush.b.was_reset);
    CHECK(rush.share().queue_timeout.get() == 1);
  }
  SECTION("in which nobody may wait") {
    next.pools[0].nodes.pop_back();
    next.pools[0].queue.size = 0;
    CHECK(published(std::move(next)) == "");
    CHECK(rush.b.was_reset);
    CHECK(rush.share().queue_full.get() == 1);
  }
  SECTION("but not where no node is left for it") {
    rush.node(1).set_health(balancer::Health::down);
    NodeChanges changes;
    changes.pools.insert("app");
    rush.bench.path.on_nodes_changed(changes);
    rush.bench.runtime.deliver_mail();
    CHECK(rush.b.was_reset);
    CHECK(rush.gate().waiting() == 0);
  }
  SECTION("in which its pool has another name") {
    next.pools[0].name = next.routes[0].pool = "other";
    CHECK(published(std::move(next)) != "");
    CHECK(rush.gate().waiting() == 0);
  }
  SECTION("that does not let it in") {
    next.routes[0].access.deny = {io::IpPrefix::parse("10.0.0.2").value()};
    CHECK(published(std::move(next)) == "");
    CHECK(rush.b.was_reset);
    CHECK(rush.gate().waiting() == 0);
  }
  SECTION("but for one without its listener: it goes on as it began") {
    next.routes[0].match.host = "a.test";
    CHECK(published(std::move(next)) == "");
    CHECK_FALSE(rush.b.was_reset);
    rush.bench.runtime.read_error(rush.a);
    rush.bench.runtime.deliver_mail();
    CHECK(rush.bench.runtime.connects.size() == 2);
    CHECK(rush.gate().waiting() == 0);
  }
}

TEST_CASE("a node's limit is learned from its answers, and shrinks where it says that it has too much") {
  const bool of_node = GENERATE(false, true);
  Rush rush(limited(of_node ? config::kUnlimited : config::kAdaptive,
                    of_node ? config::kAdaptive : config::kUnlimited));
  using policy::AdaptiveLimit;
  CHECK(rush.node(1).limit() == AdaptiveLimit::kFirst / 2);  // until something is known
  CHECK(rush.gate().most() == PoolGate::kUnlimited);
  rush.ask(rush.a, rush.first);
  const auto answers = [&rush](int count, const std::string& answer) {
    for (int i = 0; i < count; ++i) {
      rush.bench.runtime.pass(10ms);
      rush.bench.runtime.read(rush.first, answer);
      rush.ask(rush.a, rush.second);
    }
  };
  answers(100, kOk);
  CHECK(rush.node(1).limit() == AdaptiveLimit::kFirst);  // it is not used, so that it does not grow
  answers(20, "HTTP/1.1 503 -\r\nContent-Length: 0\r\n\r\n");
  CHECK(rush.node(1).limit() < AdaptiveLimit::kFirst);
  rush.bench.publish(limited(5));
  CHECK(rush.node(1).limit() == config::kUnlimited);
  answers(50, kOk);
  CHECK(rush.node(1).limit() == config::kUnlimited);
}

TEST_CASE("what ends with its worker leaves no place behind") {
  auto shared = [] {
    Rush rush(limited(1));
    rush.ask(rush.a, rush.first);
    rush.ask(rush.b, rush.second);
    rush.bench.runtime.read_error(rush.a);  // b has a turn that it will not hear of
    return rush.bench.nodes.pool_shared("app");
  };
  CHECK(shared()->gate.waiting() == 0);
  CHECK(shared()->gate.in_flight() == 0);
}

}  // namespace weir::core
