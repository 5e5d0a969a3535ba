// Raw connections on a loop that stands still, with both ends played by the test.
#include <chrono>

#include "proxy/codec/proxy_header.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

using namespace weir;
using namespace weir::core;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

config::Config raw_config(std::vector<std::string> nodes) {
  config::Config config = one_pool(std::move(nodes));
  config.listeners.emplace_back();
  config.listeners.back().name = "raw";
  config.listeners.back().mode = config::Mode::tcp;
  return config;
}

struct RawBench : Bench {
  explicit RawBench(config::Config config) : Bench(std::move(config)) {
    reception->use({.mode = config::Mode::tcp, .name = "raw"});
  }
  explicit RawBench(std::vector<std::string> nodes) : RawBench(raw_config(std::move(nodes))) {}

  void come(PlayedTransport& client, PlayedTransport& node) {
    runtime.next = {&node};
    accept(client);
    runtime.end_turn();
    runtime.connected();
  }
  std::uint64_t in(observe::ClientState state) { return listener.clients_in(state).get(); }
  const observe::RouteShare& route() { return path.snapshot().routes[0].counts->of(0); }
  observe::NodeShare& node_counts(std::size_t node = 0) {
    return path.snapshot().pools[0].endpoints[node]->counts.of(0);
  }
  std::uint32_t in_flight(std::size_t node = 0) {
    return path.snapshot().pools[0].endpoints[node]->node->in_flight();
  }
};

// The kernel takes so much of what is pending.
void take(RawBench& bench, PlayedTransport& from, std::size_t bytes) {
  from.waiting -= bytes;
  from.handler->on_sent(bytes);
  bench.runtime.end_turn();
}

// A ClientHello for this name, in one record.
std::string hello_for(std::string_view name) {
  const auto sized = [](std::size_t bytes, std::string_view content) {
    std::string text;
    for (std::size_t i = bytes; i-- > 0;) text += static_cast<char>(content.size() >> (8 * i) & 0xff);
    return text.append(content);
  };
  const std::string names = sized(2, std::string(1, '\0') + sized(2, name));
  const std::string body = std::string(34, '\3') + sized(1, "") + sized(2, "\x13\x01"sv) + sized(1, "\0"sv) +
                           sized(2, std::string(2, '\0') + sized(2, names));
  return "\x16\x03\x01" + sized(2, "\x01" + sized(3, body));
}

config::Config named_config() {
  config::Config config = raw_config({"127.0.0.1:1"});
  config.pools.push_back(config.pools[0]);
  config.pools[1].name = "named";
  config.pools[1].nodes[0].address = io::Address::parse("127.0.0.1:2").value();
  config.routes.insert(config.routes.begin(), {.name = "named",
                                               .match = {.host = "", .path = "", .sni = "a.test"},
                                               .pool = "named",
                                               .host = {},
                                               .timeouts = {}});
  return config;
}

}  // namespace

TEST_CASE("raw bytes pass both ways, and each end of a side is the other's") {
  PlayedTransport client, node;
  RawBench bench({"127.0.0.1:1"});
  bench.come(client, node);
  CHECK(bench.in(observe::ClientState::tunnel) == 1);
  CHECK(bench.in_flight() == 1);
  bench.runtime.read(client, "hello");
  bench.runtime.read(node, "good day");
  CHECK(node.take_written() == "hello");
  CHECK(client.take_written() == "good day");
  bench.runtime.read_end(client);
  CHECK(node.write_ended);
  CHECK_FALSE(client.released);
  bench.runtime.read(node, "more");
  CHECK(client.take_written() == "more");
  bench.runtime.read_end(node);
  CHECK(client.write_ended);
  CHECK(client.released);
  CHECK(node.released);
  CHECK_FALSE(client.was_reset);
  CHECK_FALSE(node.was_reset);
  CHECK(bench.path.drained());
  CHECK(bench.counts.client_connections == 0);
  CHECK(bench.listener.received_bytes.get() == 5);
  CHECK(bench.listener.sent_bytes.get() == 12);
  CHECK(bench.route().answers.get(1) == 1);
  CHECK(bench.route().failures.get(base::Reason::none) == 0);
  CHECK(bench.node_counts().tunnels_closed.get() == 1);
  CHECK(bench.in_flight() == 0);
}

TEST_CASE("what comes before there is a node waits for it, bounded, and so does an end") {
  PlayedTransport client, node;
  RawBench bench({"127.0.0.1:1"});
  bench.runtime.next = {&node};
  bench.accept(client);
  bench.runtime.read(client, "early");
  CHECK_FALSE(client.paused);
  bench.runtime.read(client, std::string(64 * 1024, 'x'));
  CHECK(client.paused);
  bench.runtime.read_end(client);
  bench.runtime.connected();
  CHECK(node.take_written() == "early" + std::string(64 * 1024, 'x'));
  CHECK(node.write_ended);
  CHECK_FALSE(client.paused);
}

TEST_CASE("who takes nothing stops the other from being read, until half of it is gone") {
  PlayedTransport client, node;
  RawBench bench({"127.0.0.1:1"});
  bench.come(client, node);
  node.takes = false;
  bench.runtime.read(client, std::string(64 * 1024 - 1, 'x'));
  CHECK_FALSE(client.paused);
  bench.runtime.read(client, "x");
  CHECK(client.paused);
  take(bench, node, 32 * 1024 - 1);
  CHECK(client.paused);
  take(bench, node, 1);
  CHECK_FALSE(client.paused);
  CHECK_FALSE(node.paused);
  client.takes = false;
  bench.runtime.read(node, std::string(100'000, 'x'));
  CHECK(node.paused);
  CHECK(bench.listener.sent_bytes.get() == 0);
  bench.runtime.read_end(node);
  bench.runtime.read_end(client);
  take(bench, node, 32 * 1024);
  CHECK_FALSE(client.released);  // it is owed its bytes
  take(bench, client, 100'000);
  CHECK(client.released);
  CHECK(bench.listener.sent_bytes.get() == 100'000);
}

TEST_CASE("a reset on one side is one on the other") {
  for (const bool by_client : {true, false}) {
    PlayedTransport client, node;
    RawBench bench({"127.0.0.1:1"});
    bench.come(client, node);
    bench.runtime.read_error(by_client ? client : node);
    CHECK((by_client ? node : client).was_reset);
    CHECK(client.released);
    CHECK(node.released);
    CHECK(bench.route().failures.get(by_client ? base::Reason::client_gone : base::Reason::upstream_reset) ==
          1);
  }
}

TEST_CASE("what goes to a side that is gone is answered by a reset, once all of its own is read") {
  PlayedTransport client, node;
  RawBench bench({"127.0.0.1:1"});
  bench.come(client, node);
  bench.runtime.write_error(node);
  bench.runtime.read(client, "lost");
  CHECK_FALSE(client.was_reset);
  bench.runtime.read(node, "its last word");
  CHECK(client.take_written() == "its last word");
  bench.runtime.read_end(node);
  bench.runtime.read(client, "lost");
  CHECK(client.was_reset);
  CHECK(client.released);
  CHECK(bench.route().failures.get(base::Reason::upstream_closed) == 1);
}

TEST_CASE("a node that refuses is passed over, at no cost but its own count") {
  PlayedTransport client, first, second;
  RawBench bench({"127.0.0.1:1", "127.0.0.1:2"});
  bench.runtime.next = {&first, &second};
  bench.accept(client);
  bench.runtime.read(client, "hello");
  bench.runtime.refused();
  REQUIRE(bench.runtime.connects.size() == 2);
  CHECK(first.released);
  CHECK(bench.in(observe::ClientState::active) == 1);
  bench.runtime.connected();
  CHECK(second.take_written() == "hello");
  CHECK(bench.node_counts(0).connect_refused.get() + bench.node_counts(1).connect_refused.get() == 1);
  CHECK(bench.node_counts(0).retries.get() + bench.node_counts(1).retries.get() == 1);
  CHECK(bench.in_flight(0) + bench.in_flight(1) == 1);
}

TEST_CASE("with no node left the client is reset") {
  PlayedTransport client, first, second;
  RawBench bench({"127.0.0.1:1", "127.0.0.1:2"});
  bench.runtime.next = {&first, &second};
  bench.accept(client);
  bench.runtime.refused();
  bench.runtime.refused();
  CHECK(client.was_reset);
  CHECK(bench.path.drained());
  CHECK(bench.route().answers.get(5) == 1);
  CHECK(bench.route().failures.get(base::Reason::connect_refused) == 1);
  PlayedTransport other;
  RawBench empty(std::vector<std::string>{});
  empty.accept(other);
  empty.runtime.end_turn();
  CHECK(other.was_reset);
  CHECK(empty.listener.refused.get(base::Reason::no_node) == 1);
}

TEST_CASE(
    "a connection that failed goes to a node that a reload has brought, and not to one that it took away") {
  const bool keeps_first = GENERATE(true, false);
  CAPTURE(keeps_first);
  PlayedTransport client, first, second, third;
  RawBench bench({"127.0.0.1:1", "127.0.0.1:2"});
  bench.runtime.next = {&first, &second, &third};
  bench.accept(client);
  bench.runtime.read(client, "hello");
  bench.runtime.end_turn();
  std::vector<std::string> nodes{"127.0.0.1:3"};
  if (keeps_first) nodes.insert(nodes.begin(), bench.runtime.connects.at(0));
  bench.publish(raw_config(std::move(nodes)));
  bench.runtime.refused();
  REQUIRE(bench.runtime.connects.size() == 2);
  CHECK(bench.runtime.connects[1] == "127.0.0.1:3");
  bench.runtime.refused();
  CHECK(bench.runtime.connects.size() == 2);
  CHECK(client.was_reset);
}

TEST_CASE("black holes are tried as often as retry.attempts says") {
  PlayedTransport client, first, second, third;
  config::Config config = raw_config({"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"});
  config.pools[0].retry.attempts = 2;
  config.timeouts.connect = 1s;
  RawBench bench(config);
  bench.runtime.next = {&first, &second, &third};
  bench.accept(client);
  bench.runtime.end_turn();
  bench.runtime.pass(1010ms);
  CHECK(first.released);
  CHECK_FALSE(client.was_reset);
  bench.runtime.pass(1010ms);
  CHECK(client.was_reset);
  CHECK(bench.runtime.connects.size() == 2);
  CHECK(bench.route().failures.get(base::Reason::connect_timeout) == 1);
}

TEST_CASE("without a descriptor a raw connection waits for one") {
  PlayedTransport client, first, second;
  RawBench bench({"127.0.0.1:1"});
  bench.runtime.next = {&first, &second};
  bench.accept(client);
  bench.runtime.no_descriptor();
  CHECK_FALSE(client.was_reset);
  bench.runtime.pass(30ms);
  bench.runtime.connected();
  CHECK(bench.in(observe::ClientState::tunnel) == 1);
  CHECK(bench.node_counts().connect_refused.get() == 0);
}

TEST_CASE("silence in both directions ends it, and bytes in one do not") {
  config::Config config = raw_config({"127.0.0.1:1"});
  config.timeouts.tunnel = 10s;
  PlayedTransport client, node;
  RawBench bench(config);
  bench.come(client, node);
  for (int i = 0; i < 5; ++i) {
    bench.runtime.pass(9s);
    bench.runtime.read(node, "x");
  }
  CHECK_FALSE(client.was_reset);
  bench.runtime.pass(10'020ms);
  CHECK(client.was_reset);
  CHECK(node.was_reset);
  CHECK(bench.route().failures.get(base::Reason::client_timeout) == 1);
}

TEST_CASE("a relaying connection holds no snapshot, and its node for drain_timeout") {
  config::Config config = raw_config({"127.0.0.1:1"});
  config.drain_timeout = 5s;
  PlayedTransport client, node;
  RawBench bench(config);
  bench.come(client, node);
  const auto before = bench.publish(config);
  config.pools[0].nodes[0].address = io::Address::parse("127.0.0.1:2").value();
  bench.publish(config);
  CHECK(before.expired());
  bench.runtime.pass(4s);
  bench.runtime.read(client, "still");
  CHECK(node.take_written() == "still");
  bench.runtime.pass(1100ms);
  CHECK(client.was_reset);
  CHECK(node.was_reset);
}

TEST_CASE("the end of the path cuts raw connections visibly") {
  PlayedTransport client, node;
  {
    RawBench bench({"127.0.0.1:1"});
    bench.come(client, node);
  }
  CHECK(client.was_reset);
  CHECK(node.was_reset);
  CHECK(client.released);
}

TEST_CASE("a name is waited for where a route wants one, and passed on unchanged") {
  PlayedTransport client, node;
  RawBench bench(named_config());
  bench.runtime.next = {&node};
  bench.accept(client);
  CHECK(bench.in(observe::ClientState::reading) == 1);
  const std::string hello = hello_for("a.test");
  bench.runtime.read(client, hello.substr(0, 20));
  CHECK(bench.runtime.connects.empty());
  bench.runtime.read(client, hello.substr(20) + "more");
  REQUIRE(bench.runtime.connects.size() == 1);
  CHECK(bench.runtime.connects[0] == "127.0.0.1:2");
  bench.runtime.connected();
  CHECK(node.take_written() == hello + "more");
}

TEST_CASE("what has no such name goes to a route without, after timeouts.header at the latest") {
  for (const std::string& text : {hello_for("b.test"), std::string("GET /"), std::string()}) {
    PlayedTransport client, node;
    RawBench bench(named_config());
    bench.runtime.next = {&node};
    bench.accept(client);
    if (!text.empty()) bench.runtime.read(client, text);
    CHECK(bench.runtime.connects.empty() == text.empty());
    if (text.empty()) bench.runtime.pass(10'020ms);
    REQUIRE(bench.runtime.connects.size() == 1);
    CHECK(bench.runtime.connects[0] == "127.0.0.1:1");
  }
}

TEST_CASE("who leaves before saying a name gets no node") {
  PlayedTransport client;
  RawBench bench(named_config());
  bench.accept(client);
  bench.runtime.read_end(client);
  CHECK(client.released);
  CHECK(bench.runtime.connects.empty());
  CHECK(bench.listener.refused.get(base::Reason::client_gone) == 1);
}

TEST_CASE("the node is told whose connection it is before all else") {
  config::Config config = raw_config({"127.0.0.1:1"});
  config.pools[0].proxy_protocol = config::ProxyProtocol::v1;
  PlayedTransport client, node;
  client.ip = io::Ip::parse("192.0.2.7").value();
  RawBench bench(config);
  bench.runtime.next = {&node};
  bench.accept(client);
  bench.runtime.read(client, "hello");
  bench.runtime.connected();
  CHECK(node.take_written() == "PROXY UNKNOWN\r\nhello");  // the played connection has no local address
}

TEST_CASE("a greeting that is not taken at once is no byte of the client's") {
  config::Config config = raw_config({"127.0.0.1:1"});
  config.pools[0].proxy_protocol = config::ProxyProtocol::v1;
  PlayedTransport client, node;
  RawBench bench(config);
  node.takes = false;
  bench.come(client, node);
  bench.runtime.read(client, std::string(64 * 1024 - 1, 'x'));
  CHECK_FALSE(client.paused);
  bench.runtime.read(client, "x");
  CHECK(client.paused);
  take(bench, node, 15);  // PROXY UNKNOWN
  CHECK(client.paused);
  bench.runtime.read_end(client);
  bench.runtime.read_end(node);
  CHECK_FALSE(node.released);
  take(bench, node, 64 * 1024);
  CHECK(node.released);
}

TEST_CASE("who waited for a server to speak first may wait for a descriptor as long as any") {
  config::Config config = named_config();
  RawBench bench(config);
  PlayedTransport client;
  bench.accept(client);
  bench.runtime.end_turn();
  bench.runtime.pass(10'010ms);  // timeouts.header: it says nothing
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.no_descriptor();
  CHECK_FALSE(client.was_reset);
  bench.runtime.pass(50ms);
  CHECK(bench.runtime.connects.size() == 2);
}
