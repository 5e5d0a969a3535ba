// `max_connections` of pools and nodes, over two workers.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/two_workers.h"

namespace weir::core {

using namespace std::chrono_literals;

TEST_CASE("a worker whose node has all the connections it may gets an idle one of another worker's closed") {
  TwoWorkers workers(bound(1));
  PlayedTransport& first = next_node(workers, workers.one);
  PlayedTransport& a = workers.ask(workers.one);
  workers.one.runtime.connected();
  workers.one.runtime.read(first, kOk);
  REQUIRE(has_ok(a));
  CHECK(workers.node(1).connections.count() == 1);

  PlayedTransport& second = next_node(workers, workers.two);
  PlayedTransport& b = workers.ask(workers.two);
  CHECK(workers.two.runtime.connects.empty());
  CHECK(workers.node(1).node->in_flight() == 1);  // it has its place, and needs the connection alone
  workers.deliver();
  CHECK(first.released);
  CHECK(workers.two.runtime.connects.size() == 1);
  workers.two.runtime.connected();
  workers.two.runtime.read(second, kOk);
  CHECK(has_ok(b));
  CHECK(workers.node(1).connections.count() == 1);
  CHECK(workers.node(1).counts.of(0).connections_given_up.get() == 1);
}

TEST_CASE("requests past a node's connections wait in the queue, and connections are never more") {
  TwoWorkers workers(bound(1));
  PlayedTransport& first = next_node(workers, workers.one);
  PlayedTransport& a = workers.ask(workers.one);
  workers.one.runtime.connected();
  PlayedTransport& second = next_node(workers, workers.two);
  PlayedTransport& b = workers.ask(workers.two);
  workers.deliver();
  CHECK(workers.two.runtime.connects.empty());
  CHECK(workers.pool().gate.waiting() == 1);
  workers.one.runtime.read(first, kOk);
  CHECK(has_ok(a));
  workers.deliver();
  CHECK(first.released);
  REQUIRE(workers.two.runtime.connects.size() == 1);
  CHECK(workers.node(1).connections.count() == 1);
  workers.two.runtime.connected();
  workers.two.runtime.read(second, kOk);
  CHECK(has_ok(b));
}

TEST_CASE("a worker closes its own idle connection to another node, where the pool may have no more") {
  TwoWorkers workers(pool_bound(1, {"127.0.0.1:1", "127.0.0.1:2"}));
  PlayedTransport& first = next_node(workers, workers.one);
  PlayedTransport& a = workers.ask(workers.one);
  workers.one.runtime.connected();
  workers.one.runtime.read(first, kOk);
  REQUIRE(has_ok(a));
  PlayedTransport& second = next_node(workers, workers.one);
  PlayedTransport& b = workers.ask(workers.one);  // round-robin: the other node
  REQUIRE(workers.one.runtime.connects.size() == 2);
  CHECK(workers.one.runtime.connects[0] != workers.one.runtime.connects[1]);
  CHECK(first.released);
  CHECK(workers.pool().connections.count() == 1);
  workers.one.runtime.connected();
  workers.one.runtime.read(second, kOk);
  CHECK(has_ok(b));
}

TEST_CASE(
    "a request that waited for a slot takes a connection that came free meanwhile, as one that has served") {
  TwoWorkers workers(bound(2));
  config::Config more = bound(2);
  PlayedTransport& first = next_node(workers, workers.one);
  PlayedTransport& a = workers.ask(workers.one);
  workers.one.runtime.connected();
  next_node(workers, workers.one);
  workers.ask(workers.one);
  workers.one.runtime.connected();
  more.pools[0].nodes[0].max_connections = 1;  // fewer than there are: a place for one, which has none
  workers.publish(more);
  CHECK(workers.node(1).connections.count() == 2);
  workers.one.runtime.read(first, kOk);
  CHECK(has_ok(a));
  CHECK(first.released);  // there are too many
  CHECK(workers.node(1).connections.count() == 1);
}

TEST_CASE("who waits for a connection past queue.timeout is told so, and nobody blames the node") {
  config::Config config = bound(1);
  config.pools[0].queue.timeout = 1s;
  config.pools[0].ejection.reset();
  TwoWorkers workers(std::move(config));
  // A connection that has its slot, and no place: its exchange is over, and it cannot be closed yet.
  REQUIRE(workers.node(1).connections.try_enter());
  REQUIRE(workers.pool().connections.try_enter());
  PlayedTransport& a = workers.ask(workers.one);
  workers.deliver();
  CHECK(workers.one.runtime.connects.empty());
  workers.one.runtime.pass(900ms);
  CHECK(a.written.empty());
  workers.one.runtime.pass(150ms);
  CHECK(a.written.starts_with("HTTP/1.1 503 "));
  CHECK(a.written.find("queue_timeout") != std::string::npos);
  CHECK(workers.node(1).counts.of(0).connect_timeout.get() == 0);
  CHECK(workers.pool().counts.of(0).queue_timeout.get() == 1);
  CHECK_FALSE(workers.node(1).connections.is_waited_for());
  CHECK(workers.node(1).connections.count() == 1);
  CHECK(workers.pool().gate.in_flight() == 0);
}

TEST_CASE("the time to connect begins when the connection may be made") {
  config::Config config = bound(1);
  config.pools[0].queue.timeout = 10s;
  config.timeouts.connect = 1s;
  config.pools[0].retry.attempts = 1;
  TwoWorkers workers(std::move(config));
  REQUIRE(workers.node(1).connections.try_enter());
  REQUIRE(workers.pool().connections.try_enter());
  PlayedTransport& a = workers.ask(workers.one);
  for (int i = 0; i < 20; ++i) workers.one.runtime.pass(100ms);
  CHECK(a.written.empty());
  workers.node(1).connections.leave();
  workers.pool().connections.leave();
  workers.counts.slots.tell_all();
  next_node(workers, workers.one);
  workers.deliver();
  REQUIRE(workers.one.runtime.connects.size() == 1);
  for (int i = 0; i < 9; ++i) workers.one.runtime.pass(100ms);
  CHECK(a.written.empty());
  for (int i = 0; i < 2; ++i) workers.one.runtime.pass(100ms);
  CHECK(a.written.starts_with("HTTP/1.1 504 "));
  CHECK(workers.node(1).connections.count() == 0);
}

TEST_CASE("requests past a pool's connections wait in the queue") {
  TwoWorkers workers(pool_bound(1, {"127.0.0.1:1", "127.0.0.1:2"}));
  next_node(workers, workers.one);
  workers.ask(workers.one);
  workers.one.runtime.connected();
  workers.ask(workers.one);
  CHECK(workers.one.runtime.connects.size() == 1);
  CHECK(workers.pool().gate.waiting() == 1);
  CHECK(workers.pool().gate.in_flight() == 1);
}

TEST_CASE("a limit that is lowered has idle connections closed, and one that is raised lets more be made") {
  TwoWorkers workers(bound(2));
  std::vector<PlayedTransport*> ends;
  for (int i = 0; i < 2; ++i) {
    ends.push_back(&next_node(workers, workers.one));
    workers.ask(workers.one);
    workers.one.runtime.connected();
  }
  for (PlayedTransport* end : ends) workers.one.runtime.read(*end, kOk);
  CHECK(workers.node(1).connections.count() == 2);
  workers.publish(bound(1));
  CHECK(workers.node(1).connections.count() == 1);
  CHECK(workers.node(1).node->limit() == balancer::Node::kUnlimited);  // that is of requests
  workers.publish(bound(config::kUnlimited));
  CHECK(workers.node(1).connections.count() == 1);
  CHECK_FALSE(workers.pool().gate.limits());
  CHECK(workers.node(1).node->has_room());
}

TEST_CASE("who waits for a connection of a node that drains goes elsewhere, or hears that there is none") {
  const bool other = GENERATE(true, false);
  std::vector<std::string> nodes = {"127.0.0.1:1"};
  if (other) nodes.push_back("127.0.0.1:2");
  TwoWorkers workers(bound(1, nodes));
  REQUIRE(workers.node(1).connections.try_enter());
  REQUIRE(workers.pool().connections.try_enter());
  PlayedTransport& a = workers.ask(workers.one);
  workers.deliver();
  REQUIRE(workers.one.runtime.connects.empty());
  workers.node(1).node->set_operator(balancer::Operator::drain);
  next_node(workers, workers.one);
  workers.one.runtime.pass(60ms);
  if (other)
    CHECK(workers.one.runtime.connects == std::vector<std::string>{"127.0.0.1:2"});
  else
    CHECK(a.written.find("no_node") != std::string::npos);
}

TEST_CASE("a pool has the places of those nodes that are left, when the one that takes the fewest is gone") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  config.pools[0].max_connections = 2;
  Bench bench(config);
  PoolShared& shared = *bench.path.snapshot().pools[0].shared;
  bench.path.snapshot().pools[0].endpoints[0]->note_streams(1);
  bench.path.snapshot().pools[0].endpoints[1]->note_streams(100);
  config.pools[0].nodes.erase(config.pools[0].nodes.begin());
  bench.publish(config);
  bench.runtime.deliver_mail();
  bench.nodes.drop_unused();
  CHECK(shared.connections.capacity() == 200);
  int places = 0;
  for (; places < 10 && shared.gate.has_room(); ++places) shared.gate.enter_anyway();
  CHECK(places == 10);
  for (; places > 0; --places) shared.gate.leave();
}

}  // namespace weir::core
