// Waiting for a connection where there may be no more: who gives one up for whom, and what that costs.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/two_workers.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

std::string frame_of(char type, char flags, char stream, const std::string& payload = {}) {
  const std::string head = {0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
  return head + payload;
}

// SETTINGS_MAX_CONCURRENT_STREAMS.
std::string takes_streams(char count) {
  return frame_of(4, 0, 0, {0, 3, 0, 0, 0, count});
}

// 204 and the end.
std::string ends_stream(char stream) {
  return frame_of(1, 5, stream, "\x89");
}

config::Config shared(config::Config config) {
  config.pools[0].protocol = config::Protocol::h2;
  return config;
}

}  // namespace

TEST_CASE("a shared connection that another worker wants, and that cannot end, still serves") {
  config::Config config = shared(bound(1));
  config.pools[0].queue.timeout = 1s;
  TwoWorkers w(config);
  PlayedTransport& first = next_node(w, w.one);
  w.ask(w.one);  // a long stream
  w.one.runtime.connected();
  w.one.runtime.read(first, takes_streams(100));
  w.ask(w.two);  // wants it
  w.deliver();
  first.take_written();
  PlayedTransport& c = w.ask(w.one);
  w.deliver();
  CHECK(first.take_written().empty());  // for a moment it may come to its end
  for (int i = 0; i < 12; ++i) w.one.runtime.pass(100ms), w.two.runtime.pass(100ms), w.deliver();
  CHECK_FALSE(c.written.starts_with("HTTP/1.1 503 "));
  PlayedTransport& d = w.ask(w.one);
  w.deliver();
  for (int i = 0; i < 12; ++i) w.one.runtime.pass(100ms), w.two.runtime.pass(100ms), w.deliver();
  CHECK_FALSE(d.written.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("streams of an old h2 connection say nothing of a node that is asked over HTTP/1.1 now") {
  TwoWorkers w(shared(bound(1)));
  PlayedTransport& first = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected(), w.one.runtime.read(first, takes_streams(100));
  w.one.runtime.pass(1ms), w.two.runtime.pass(1ms);
  w.publish(bound(1));
  w.one.runtime.read(first, frame_of(6, 0, 0, std::string(8, 'x')));  // a PING
  for (int i = 0; i < 5; ++i) w.ask(w.one);
  w.deliver();
  CHECK(w.node(1).node->in_flight() == 1);
  CHECK(w.pool().gate.waiting() == 5);
}

TEST_CASE("a bound that is lowered holds for shared connections that are always in use") {
  config::Config two = shared(bound(2));
  TwoWorkers w(two);
  PlayedTransport& x = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected(), w.one.runtime.read(x, takes_streams(100));
  PlayedTransport& y = next_node(w, w.two);
  w.ask(w.two), w.two.runtime.connected(), w.two.runtime.read(y, takes_streams(100));
  w.publish(shared(bound(1)));
  char sx = 1, sy = 1;
  for (int i = 0; i < 40; ++i) {  // always one more comes before one ends
    w.ask(w.one), w.ask(w.two), w.deliver();
    if (!x.released) w.one.runtime.read(x, ends_stream(sx));
    if (!y.released) w.two.runtime.read(y, ends_stream(sy));
    sx += 2, sy += 2;
    w.one.runtime.pass(1s), w.two.runtime.pass(1s), w.deliver();
  }
  CHECK(w.node(1).connections.count() == 1);
}

TEST_CASE("how long a slot was waited for is no answer time of the node") {
  config::Config config = bound(1);
  config.pools[0].queue.timeout = 10s;
  TwoWorkers w(config);
  REQUIRE(w.node(1).connections.try_enter());
  REQUIRE(w.pool().connections.try_enter());
  PlayedTransport& a = w.ask(w.one);
  for (int i = 0; i < 20; ++i) w.one.runtime.pass(100ms);
  w.node(1).connections.leave();
  w.pool().connections.leave();
  w.counts.slots.tell_all();
  PlayedTransport& node = next_node(w, w.one);
  w.deliver();
  w.one.runtime.connected();
  w.one.runtime.read(node, kOk);
  REQUIRE(has_ok(a));
  observe::Latency::Reading reading{};
  w.node(1).counts.of(0).add_latency_to(reading);
  std::uint64_t slow = 0;
  for (std::size_t i = observe::Latency::bucket_of(1'000'000'000); i < reading.size(); ++i)
    slow += reading[i];
  CHECK(slow == 0);
}

TEST_CASE("a wish whose worker has gone ends") {
  TwoWorkers w(bound(3));
  for (int i = 0; i < 3; ++i)
    REQUIRE((w.node(1).connections.try_enter() && w.pool().connections.try_enter()));
  auto three = std::make_unique<Hand>(w.counts, 1);
  auto snapshot = std::make_shared<const Snapshot>(bound(3), w.nodes, ResolvedNames{});
  three->path.publish(snapshot);
  w.ask(w.one);
  w.deliver();
  PlayedTransport& gone = w.ask(*three);
  three->runtime.read_error(gone);
  three.reset();
  std::size_t rounds = 0;
  for (; rounds < 1000; ++rounds) {
    const std::size_t now = w.one.runtime.posted + w.two.runtime.posted;
    w.one.runtime.deliver_mail(), w.two.runtime.deliver_mail();
    if (w.one.runtime.posted + w.two.runtime.posted == now) break;
  }
  CHECK(rounds < 1000);
}

TEST_CASE("a snapshot costs no square of those that wait") {
  config::Config config = bound(200);
  TwoWorkers w(config);
  for (int i = 0; i < 200; ++i)
    REQUIRE((w.node(1).connections.try_enter() && w.pool().connections.try_enter()));
  for (int i = 0; i < 200; ++i) w.ask(w.two);
  w.deliver();
  const std::size_t before = w.one.runtime.posted + w.two.runtime.posted;
  w.publish(config);
  CHECK(w.one.runtime.posted + w.two.runtime.posted - before < 2000);
}

TEST_CASE("where nodes take unlike many streams the queue is what requests wait in") {
  config::Config config = shared(pool_bound(2, {"127.0.0.1:1", "127.0.0.1:2"}));
  config.pools[0].queue.size = 1;
  TwoWorkers w(config);
  for (int i = 0; i < 2; ++i) {
    PlayedTransport& node = next_node(w, w.one);
    w.ask(w.one), w.one.runtime.connected();
    w.one.runtime.read(
        node, w.one.runtime.connects.back() == "127.0.0.1:1" ? takes_streams(100) : takes_streams(1));
  }
  REQUIRE(w.one.runtime.connects.size() == 2);
  std::vector<PlayedTransport*> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(&w.ask(w.one));
  w.deliver();
  CHECK(w.node(2).node->in_flight() <= 2);
}

TEST_CASE("queue.timeout ends a wait for a slot in spite of timeouts.attempt") {
  config::Config config = bound(1);
  config.pools[0].queue.timeout = 3s;
  config.timeouts.attempt = 1s;
  config.timeouts.request = 30s;
  config.pools[0].retry.attempts = 2;
  TwoWorkers w(config);
  REQUIRE(w.node(1).connections.try_enter());
  REQUIRE(w.pool().connections.try_enter());
  PlayedTransport& a = w.ask(w.one);
  int tenths = 0;
  for (; tenths < 400 && a.written.empty(); ++tenths) w.one.runtime.pass(100ms), w.deliver();
  CHECK(a.written.find("queue_timeout") != std::string::npos);
}

TEST_CASE("a worker's own shared connection to one node gives way to its request for another") {
  config::Config config = shared(pool_bound(1, {"127.0.0.1:1", "127.0.0.1:2"}));
  config.pools[0].queue.timeout = 1s;
  TwoWorkers w(config);
  PlayedTransport* end = &next_node(w, w.one);
  std::vector<PlayedTransport*> clients = {&w.ask(w.one)};
  w.one.runtime.connected(), w.one.runtime.read(*end, takes_streams(100));
  char stream = 1;
  for (int i = 0; i < 30; ++i) {  // one more comes before one ends, to one node or the other
    clients.push_back(&w.ask(w.one));
    w.deliver();
    const std::size_t before = w.one.runtime.connects.size();
    PlayedTransport& next = next_node(w, w.one);
    w.one.runtime.read(*end, ends_stream(stream)), stream = static_cast<char>(stream + 2);
    for (int k = 0; k < 5; ++k) w.one.runtime.pass(20ms), w.deliver();
    if (w.one.runtime.connects.size() > before) {
      end = &next, stream = 1;
      w.one.runtime.connected(), w.one.runtime.read(*end, takes_streams(100));
    }
    w.one.runtime.next.clear();
  }
  for (const PlayedTransport* client : clients) CHECK_FALSE(client->written.starts_with("HTTP/1.1 503 "));
  CHECK(w.one.runtime.connects.size() > 5);
}

TEST_CASE("a learned limit is not lowered by a wait for a slot") {
  config::Config config = bound(20);
  config.pools[0].queue.timeout = 3s;
  config.pools[0].max_in_flight = config::kAdaptive;
  config.timeouts.attempt = 200ms;
  config.timeouts.request = 3s;
  TwoWorkers w(config);
  for (int i = 0; i < 20; ++i)
    REQUIRE((w.node(1).connections.try_enter() && w.pool().connections.try_enter()));
  const auto before = w.node(1).node->limit();
  for (int k = 0; k < 20; ++k) {
    w.ask(w.one);
    for (int i = 0; i < 5; ++i) w.one.runtime.pass(100ms), w.deliver();
  }
  CHECK(w.node(1).node->limit() >= before);
}

TEST_CASE("an old shared connection does not hold up those that come behind a max_lifetime") {
  config::Config config = shared(bound(1));
  config.pools[0].queue.timeout = 1s;
  config.pools[0].keepalive.max_lifetime = 10s;
  TwoWorkers w(config);
  PlayedTransport& first = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected(), w.one.runtime.read(first, takes_streams(100));
  for (int i = 0; i < 11; ++i) w.one.runtime.pass(1s);
  PlayedTransport& c = w.ask(w.one);
  for (int i = 0; i < 12; ++i) w.one.runtime.pass(100ms), w.deliver();
  CHECK_FALSE(c.written.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("what one node's connections do is no news to those that wait for another's") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].nodes[0].max_connections = 100;
  TwoWorkers w(config);
  for (int i = 0; i < 100; ++i)
    REQUIRE((w.node(1).connections.try_enter() && w.pool().connections.try_enter()));
  std::vector<PlayedTransport*> nodes;
  for (int i = 0; i < 200; ++i) {
    PlayedTransport& node = next_node(w, w.one);
    const auto before = w.one.runtime.connects.size();
    w.ask(w.one);
    if (w.one.runtime.connects.size() > before) nodes.push_back(&node), w.one.runtime.connected();
    w.one.runtime.next.clear();
  }
  w.deliver();
  const std::size_t before = w.one.runtime.posted + w.two.runtime.posted;
  for (int i = 0; i < 10; ++i)
    w.one.runtime.read(*nodes[i], "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
        w.deliver();
  CHECK(w.one.runtime.posted + w.two.runtime.posted - before < 100);
}

TEST_CASE("a node that takes fewer streams than before") {
  config::Config config = shared(pool_bound(1, {"127.0.0.1:1"}));
  config.pools[0].queue.size = 3;
  TwoWorkers w(config);
  PlayedTransport& x = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected(), w.one.runtime.read(x, takes_streams(100) + ends_stream(1));
  w.one.runtime.read_end(x);  // it starts anew
  REQUIRE(w.pool().connections.count() == 0);
  PlayedTransport& y = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected(), w.one.runtime.read(y, takes_streams(1));
  for (int i = 0; i < 50; ++i) w.ask(w.one);
  w.deliver();
  CHECK(w.pool().gate.in_flight() == 1);
}

TEST_CASE("a client whose PROXY greeting has no connection is served where others' are always in use") {
  config::Config config = shared(bound(1));
  config.pools[0].proxy_protocol = config::ProxyProtocol::v1;
  config.pools[0].queue.timeout = 1s;
  TwoWorkers w(config);
  PlayedTransport& x = next_node(w, w.one);
  PlayedTransport& a = w.transport();
  PlayedTransport& a2 = w.transport();
  PlayedTransport& b = w.transport();
  a.ip = a2.ip = io::Ip::parse("10.0.0.1").value();
  b.ip = io::Ip::parse("10.0.0.2").value();
  a.here.ip = a2.here.ip = b.here.ip = io::Ip::parse("10.0.0.9").value();
  w.ask(w.one, a), w.one.runtime.connected(), w.one.runtime.read(x, takes_streams(100));
  w.ask(w.one, b);
  PlayedTransport& y = next_node(w, w.one);
  char s = 1;
  for (int i = 0; i < 30; ++i) {
    w.ask(w.one, i % 2 ? a : a2), w.deliver();
    w.one.runtime.read(x, ends_stream(s)), s += 2;
    if (x.released) break;
    w.one.runtime.pass(100ms), w.two.runtime.pass(100ms), w.deliver();
  }
  REQUIRE(x.released);
  w.deliver();
  w.one.runtime.connected(), w.one.runtime.read(y, takes_streams(100) + ends_stream(1));
  CHECK(b.written.starts_with("HTTP/1.1 204 "));
}

TEST_CASE("who waits for a slot goes to another node that has one") {
  config::Config config = bound(config::kUnlimited, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].nodes[0].max_connections = 1;
  TwoWorkers w(config);
  REQUIRE((w.node(1).connections.try_enter() && w.pool().connections.try_enter()));  // another's, and in use
  for (int i = 0; i < 2; ++i) {
    PlayedTransport& end = next_node(w, w.one);
    const std::size_t before = w.one.runtime.connects.size();
    PlayedTransport& client = w.ask(w.one);
    const bool waits = w.one.runtime.connects.size() == before;
    for (int k = 0; waits && k < 4; ++k) w.one.runtime.pass(50ms), w.deliver();
    REQUIRE(w.one.runtime.connects.size() == before + 1);
    CHECK(w.one.runtime.connects.back() == "127.0.0.1:2");
    w.one.runtime.connected(),
        w.one.runtime.read(end, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(has_ok(client));
  }
  CHECK_FALSE(w.node(1).connections.is_waited_for());
  CHECK(w.node(1).node->in_flight() == 0);
}

TEST_CASE("nothing connects while a connection that serves counts as connected anew") {
  config::Config config = bound(2);
  TwoWorkers w(config);
  PlayedTransport& first = next_node(w, w.one);
  w.ask(w.one), w.one.runtime.connected();
  w.node(1).connections.try_enter(), w.pool().connections.try_enter();
  w.ask(w.one);
  const auto reused = w.node(1).counts.of(0).connections_reused.get();
  w.one.runtime.read(first, kOk);
  CHECK(w.one.runtime.connects.size() == 1);
  CHECK(w.node(1).node->in_flight() == 1);
  CHECK(w.node(1).counts.of(0).connections_reused.get() == reused + 1);
}

TEST_CASE("a hedge that waits for a slot ends with the first try's answer") {
  config::Config config = bound(1, {"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].hedge.after = 50ms;
  TwoWorkers w(config);
  PlayedTransport& x = next_node(w, w.one);
  for (int n : {1, 2}) w.node(n);
  PlayedTransport& a = w.ask(w.one);
  w.one.runtime.connected();
  const bool at_first = w.one.runtime.connects.back() == "127.0.0.1:1";
  Endpoint& other = w.node(at_first ? 2 : 1);
  other.connections.try_enter(), w.pool().connections.try_enter();
  for (int i = 0; i < 3; ++i) w.one.runtime.pass(50ms);
  CHECK(other.node->in_flight() == 1);
  CHECK(other.connections.waiters() == 1);
  w.one.runtime.read(x, kOk);
  CHECK(has_ok(a));
  CHECK(other.node->in_flight() == 0);
  CHECK(other.connections.waiters() == 0);
  CHECK(w.pool().connections.waiters() == 0);
}

}  // namespace weir::core
