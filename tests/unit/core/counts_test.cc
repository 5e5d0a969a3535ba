// What a worker counts of nodes, routes and listeners: each request once, where it belongs.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using base::Reason;

const std::string kPost = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";

std::string answer_of(const std::string& status) {
  return "HTTP/1.1 " + status + " -\r\nContent-Length: 2\r\n\r\nok";
}

observe::NodeShare& node_share(Bench& bench, std::string_view node) {
  return bench.nodes.get("app", io::Address::parse(node).value(), 1)->counts.of(0);
}

observe::RouteShare& route_share(Bench& bench) {
  return bench.nodes.route_counts("default", "app")->of(0);
}

}  // namespace

TEST_CASE("an answered request is counted once at its node, route and listener") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.pass(2ms);
  bench.runtime.read(node, answer_of("200"));

  const observe::NodeShare& at_node = node_share(bench, "127.0.0.1:1");
  CHECK(at_node.answers.get(2) == 1);
  CHECK(at_node.answers.get(0) == 0);
  observe::Latency::Reading latency{};
  at_node.add_latency_to(latency);
  CHECK(latency[observe::Latency::bucket_of(2'000'000)] == 1);
  CHECK(at_node.connections_opened.get() == 1);
  CHECK(at_node.connections_closed.get() == 0);
  CHECK(at_node.connections_reused.get() == 0);
  const observe::RouteShare& at_route = route_share(bench);
  CHECK(at_route.answers.get(2) == 1);
  CHECK(at_route.duration.sum_ns() == 2'000'000);
  CHECK(bench.listener.accepted.get() == 1);
  CHECK(bench.listener.requests.get() == 1);
  CHECK(bench.listener.received_bytes.get() == kGet.size());
  CHECK(bench.listener.sent_bytes.get() == client.written.size());

  bench.runtime.read(client, kGet);
  bench.runtime.read(node, answer_of("404"));
  CHECK(at_node.answers.get(4) == 1);
  CHECK(at_node.connections_reused.get() == 1);
  bench.runtime.read_error(client);
  CHECK(bench.listener.closed.get() == 1);
}

TEST_CASE("a refused connect is counted at its node, with the retry that it made") {
  PlayedTransport client, second;
  Bench bench(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  bench.accept(client);
  bench.runtime.read(client, kGet);
  const std::string first = bench.runtime.connects.at(0);
  const std::string other = first == "127.0.0.1:1" ? "127.0.0.1:2" : "127.0.0.1:1";
  bench.runtime.next = {&second};
  bench.runtime.refused();
  bench.runtime.connected();
  bench.runtime.read(second, answer_of("200"));

  const observe::NodeShare& refusing = node_share(bench, first);
  CHECK(refusing.connect_refused.get() == 1);
  CHECK(refusing.retries.get() == 1);
  CHECK(refusing.connections_opened.get() == 0);
  for (std::size_t i = 0; i < 6; ++i) CHECK(refusing.answers.get(i) == 0);
  CHECK(node_share(bench, other).answers.get(2) == 1);
  CHECK(route_share(bench).answers.get(2) == 1);
}

TEST_CASE("a node that closes without an answer is counted as one that gave none") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kPost);
  bench.runtime.read_end(node);
  const observe::NodeShare& at_node = node_share(bench, "127.0.0.1:1");
  CHECK(at_node.answers.get(0) == 1);
  CHECK(at_node.connections_closed.get() == 1);
  CHECK(route_share(bench).failures.get(Reason::upstream_closed) == 1);
  CHECK(route_share(bench).answers.get(5) == 1);  // Weir's own 502
}

TEST_CASE("an answer that the node breaks off counts against it, one that the client leaves does not") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  const observe::NodeShare& at_node = node_share(bench, "127.0.0.1:1");
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\no");
  SECTION("cut") {
    bench.runtime.read_end(node);
    CHECK(at_node.broken_answers.get() == 1);
    CHECK(route_share(bench).failures.get(Reason::upstream_truncated) == 1);
  }
  SECTION("reset") {
    bench.runtime.read_error(node);
    CHECK(at_node.broken_answers.get() == 1);
  }
  SECTION("left") {
    bench.runtime.read_error(client);
    CHECK(at_node.broken_answers.get() == 0);
    CHECK(route_share(bench).failures.get(Reason::client_gone) == 1);
  }
  SECTION("whole") {
    bench.runtime.read(node, "k");
    CHECK(at_node.broken_answers.get() == 0);
  }
  CHECK(at_node.answers.get(2) == 1);
  CHECK(at_node.answers.get(0) == 0);
  CHECK(at_node.cancelled.get() == 0);
}

TEST_CASE("a tunnel that the node resets is no broken answer") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
  bench.runtime.read(node, "HTTP/1.1 101 -\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n");
  bench.runtime.read_error(node);
  CHECK(node_share(bench, "127.0.0.1:1").answers.get(1) == 1);
  CHECK(node_share(bench, "127.0.0.1:1").broken_answers.get() == 0);
}

TEST_CASE("a client that goes before the answer does not count against the node") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read_error(client);
  CHECK(node_share(bench, "127.0.0.1:1").answers.get(0) == 0);
  CHECK(node_share(bench, "127.0.0.1:1").cancelled.get() == 1);
  CHECK(route_share(bench).failures.get(Reason::client_gone) == 1);
  CHECK(route_share(bench).answers.get(0) == 1);
}

TEST_CASE("a kept connection that the node closed as the request came says nothing of the node") {
  PlayedTransport client, kept, fresh;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, kept, kGet);
  bench.runtime.read(kept, answer_of("200"));
  bench.runtime.next = {&fresh};
  bench.runtime.read(client, kGet);
  bench.runtime.read_end(kept);
  bench.runtime.connected();
  bench.runtime.read(fresh, answer_of("200"));
  const observe::NodeShare& at_node = node_share(bench, "127.0.0.1:1");
  CHECK(at_node.answers.get(0) == 0);
  CHECK(at_node.cancelled.get() == 0);
  CHECK(at_node.answers.get(2) == 2);
  CHECK(at_node.retries.get() == 1);
}

TEST_CASE("a retry that has nowhere to go is none") {
  PlayedTransport client;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.read(client, kGet);
  bench.runtime.connecting->on_connect_failed(
      {.reason = Reason::connect_refused, .fault = base::Fault::upstream, .detail = "connection refused"});
  bench.runtime.end_turn();
  CHECK(client.written.starts_with("HTTP/1.1 502 "));
  CHECK(node_share(bench, "127.0.0.1:1").retries.get() == 0);
  CHECK(node_share(bench, "127.0.0.1:1").connect_refused.get() == 1);
}

TEST_CASE("client connections are counted by what they are about") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  using enum observe::ClientState;
  const auto count = [&](observe::ClientState state) { return bench.listener.clients_in(state).get(); };
  bench.accept(client);
  CHECK(count(idle) == 1);
  bench.runtime.read(client, "GET / HT");
  CHECK(count(reading) == 1);
  CHECK(count(idle) == 0);
  bench.runtime.next = {&node};
  bench.runtime.read(client, "TP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  bench.runtime.connected();
  CHECK(count(active) == 1);
  bench.runtime.read(node,
                     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(count(tunnel) == 1);
  bench.runtime.read_error(client);
  for (const auto state : {idle, reading, active, tunnel, closing}) CHECK(count(state) == 0);
}

TEST_CASE("what Weir refuses by itself is counted at the listener, by its reason") {
  PlayedTransport first, second, third;
  config::Config config = one_pool({});
  config.routes[0].match.path = "/known";
  Bench bench(std::move(config));
  bench.accept(first);
  bench.runtime.read(first, kGet);
  CHECK(bench.listener.refused.get(Reason::no_route) == 1);
  bench.accept(second);
  bench.runtime.read(second, "GET /known HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(bench.listener.refused.get(Reason::no_node) == 1);
  CHECK(route_share(bench).failures.get(Reason::no_node) == 1);
  bench.accept(third);
  bench.runtime.read(third, "nonsense\r\n\r\n");
  CHECK(bench.listener.refused.get(Reason::bad_request) == 1);
  CHECK(bench.listener.requests.get() == 3);
}

TEST_CASE("what is counted of a route outlives a snapshot, and a tunnel that let go of it counts too") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node,
            "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  bench.runtime.read(node,
                     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  bench.publish(one_pool({"127.0.0.1:1"}));
  bench.runtime.read_error(client);
  CHECK(route_share(bench).answers.get(1) == 1);
  CHECK(node_share(bench, "127.0.0.1:1").answers.get(1) == 1);
}

}  // namespace weir::core
