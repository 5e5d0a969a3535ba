// What a node's health does to traffic: a node that is down gets no new request, keeps no idle connection and
// finishes what it has; a node that is awaited gets nothing; a node that is back is served as before.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using balancer::Health;

const std::string kFirst = "127.0.0.1:1", kSecond = "127.0.0.1:2";

struct DrainBench : Bench {
  explicit DrainBench(std::vector<std::string> addresses) : Bench(one_pool(addresses)) {}
  // The word changes, and the worker hears of it.
  void set(const std::string& address, Health to) {
    const auto endpoint = nodes.get("app", *io::Address::parse(address), 1);
    endpoint->node->set_health(to);
    path.on_nodes_changed({{"app"}, {endpoint}});
    runtime.end_turn();
  }
  // A whole exchange over a fresh connection; to whom it went.
  std::string served(PlayedTransport& client, PlayedTransport& node) {
    ask(client, node, kGet);
    runtime.read(node, kOk);
    CHECK(client.take_written().starts_with("HTTP/1.1 200 "));
    return runtime.connects.back();
  }
};

}  // namespace

TEST_CASE("a node that goes down gets no new request, and its idle connections close") {
  PlayedTransport client, first, others[4];
  DrainBench bench({kFirst});
  bench.accept(client);
  bench.served(client, first);
  CHECK_FALSE(first.released);
  bench.set(kFirst, Health::down);
  CHECK(first.released);
  bench.runtime.read(client, kGet);
  CHECK(client.take_written().starts_with("HTTP/1.1 503 "));
  CHECK(bench.runtime.connects.size() == 1);

  bench.set(kFirst, Health::up);
  CHECK(bench.served(client, others[0]) == kFirst);
}

TEST_CASE("others take over while a node is down, and it has its share again when it is back") {
  config::Config config = one_pool({kFirst, kSecond});
  config.pools[0].keepalive.max_idle = 0;  // so that each request makes a connection
  PlayedTransport client, connections[12];
  DrainBench bench({});
  bench.publish(std::move(config));
  bench.accept(client);
  bench.set(kFirst, Health::down);
  for (int i = 0; i < 4; ++i) {
    bench.served(client, connections[i]);
    CHECK(bench.runtime.connects.back() == kSecond);
  }
  bench.set(kFirst, Health::up);
  int to_first = 0;
  for (int i = 4; i < 12; ++i) {
    to_first += bench.served(client, connections[i]) == kFirst ? 1 : 0;
  }
  CHECK(to_first == 4);
}

TEST_CASE("what is in flight at a node that goes down finishes, and its connection is not kept") {
  PlayedTransport client, node;
  DrainBench bench({kFirst});
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
  bench.set(kFirst, Health::down);
  bench.runtime.pass(2s);
  CHECK_FALSE(node.released);
  bench.runtime.read(node, "lf");
  CHECK(client.take_written().ends_with("half"));
  CHECK(node.released);
  CHECK_FALSE(client.released);
}

TEST_CASE("a worker that has not heard yet sends nothing to a node that is down, and keeps nothing there") {
  PlayedTransport client, node;
  DrainBench bench({kFirst});
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.nodes.get("app", *io::Address::parse(kFirst), 1)->node->set_health(Health::down);
  bench.runtime.read(node, kOk);
  CHECK(node.released);
  client.take_written();
  bench.runtime.read(client, kGet);
  CHECK(client.take_written().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a request whose kept connection dies with its node is repeated at another node") {
  PlayedTransport client, first, second;
  DrainBench bench({kFirst, kSecond});
  bench.accept(client);
  bench.set(kSecond, Health::down);
  bench.served(client, first);
  bench.runtime.read(client, kGet);  // over the kept connection
  bench.set(kFirst, Health::down);
  bench.set(kSecond, Health::up);
  bench.runtime.next = {&second};
  bench.runtime.read_error(first);
  CHECK(bench.runtime.connects.back() == kSecond);
  bench.runtime.connected();
  bench.runtime.read(second, kOk);
  CHECK(client.take_written().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("the nodes of a pool that is checked begin awaited, and get nothing until they have passed") {
  config::Config config = one_pool({kFirst});
  config.pools[0].health.emplace().http.emplace().target = "/healthz";
  PlayedTransport client, node;
  DrainBench bench({});
  bench.publish(std::move(config));
  bench.accept(client);
  bench.runtime.read(client, kGet);
  CHECK(client.take_written().starts_with("HTTP/1.1 503 "));
  bench.set(kFirst, Health::up);
  CHECK(bench.served(client, node) == kFirst);
}

TEST_CASE("an exchange that began under an older snapshot hears of nodes too") {
  PlayedTransport client, first, second;
  DrainBench bench({kFirst, kSecond});
  bench.set(kSecond, Health::down);
  bench.accept(client);
  bench.runtime.next = {&first};
  bench.runtime.read(client, kGet);
  CHECK(bench.runtime.connects.back() == kFirst);
  bench.publish(one_pool({kFirst, kSecond}));
  bench.set(kSecond, Health::up);
  bench.runtime.next = {&second};
  bench.runtime.connecting->on_connect_failed(
      {.reason = base::Reason::connect_refused, .fault = base::Fault::upstream});
  bench.runtime.end_turn();
  bench.runtime.connected();
  CHECK(bench.runtime.connects.back() == kSecond);
  bench.runtime.read(second, kOk);
  CHECK(client.take_written().starts_with("HTTP/1.1 200 "));
}

}  // namespace weir::core
