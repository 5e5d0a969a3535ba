// Connections to nodes that speak HTTP/2: who waits for whom, and how a node that has vanished is noticed.
#include <algorithm>
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/codec/h2_peer.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using codec::H2Peer;

config::Config speaking_h2(std::vector<std::string> nodes) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].protocol = config::Protocol::h2;
  return config;
}

const std::string kPost = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";

// A node that is spoken to over its connections, each of which is `socket` here and `peer` at its other end.
struct Spoken {
  explicit Spoken(std::uint32_t streams = 100) {
    peer.settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams}});
  }
  PlayedTransport socket;
  H2Peer peer{H2Peer::Side::server};
};

struct Clients {
  PlayedTransport clients[4];
};

struct H2Bench : Clients, Bench {
  H2Bench() : Bench(speaking_h2({"127.0.0.1:1"})) {
    for (PlayedTransport& client : clients) accept(client);
  }
  void hear(Spoken& node) { node.peer.take_in(node.socket.take_written()); }
  void say(Spoken& node) {
    if (const std::string bytes = node.peer.take_out(); !bytes.empty()) runtime.read(node.socket, bytes);
  }
  void talk(Spoken& node) { hear(node), say(node), hear(node), say(node); }
  void answer(Spoken& node, std::int32_t stream) {
    node.peer.answer(stream, {{":status", "204"}}, H2Peer::Ends::here);
    talk(node);
  }
  // The node has taken this one request; it is the first of its connection.
  void ask_first(Spoken& node, std::string_view request) {
    runtime.next = {&node.socket};
    runtime.read(clients[0], request);
    runtime.connected();
    talk(node);
  }
};

std::size_t requests(const Spoken& node) {
  return node.peer.received.size();
}

}  // namespace

TEST_CASE("until the node says how many it takes, one request goes and the others wait for a moment") {
  const std::uint32_t streams = GENERATE(100, 3);
  Spoken node(streams), other;
  H2Bench bench;
  bench.runtime.next = {&node.socket, &other.socket};
  for (PlayedTransport& client : bench.clients) bench.runtime.read(client, kGet);
  CHECK(bench.runtime.connects.size() == 1);
  bench.runtime.connected();
  bench.hear(node);
  CHECK(requests(node) == 1);
  SECTION("as many as it says") {
    bench.say(node);
    bench.hear(node);
    CHECK(requests(node) == std::min(streams, 4U));
    CHECK(bench.runtime.connects.size() == (streams < 4 ? 2 : 1));
  }
  SECTION("nothing, for too long") {
    bench.runtime.pass(240ms);
    bench.hear(node);
    CHECK(requests(node) == 1);
    bench.runtime.pass(20ms);
    bench.hear(node);
    CHECK(requests(node) == std::min(streams, 4U));  // it refuses the others
  }
}

TEST_CASE("what the node has said once holds for its next connections") {
  Spoken node(2), other;
  H2Bench bench;
  bench.ask_first(node, kGet);
  bench.answer(node, 1);
  bench.runtime.next = {&other.socket};
  for (PlayedTransport& client : bench.clients) bench.runtime.read(client, kGet);
  bench.hear(node);
  CHECK(requests(node) == 3);
  bench.runtime.connected();
  bench.hear(other);
  CHECK(requests(other) == 2);
}

TEST_CASE("who does not wait any longer takes nobody else along") {
  Spoken node;
  H2Bench bench;
  bench.runtime.next = {&node.socket};
  for (PlayedTransport& client : bench.clients) bench.runtime.read(client, kGet);
  bench.runtime.read_error(bench.clients[0]);
  bench.runtime.connected();
  bench.talk(node);
  bench.hear(node);
  CHECK(requests(node) == 3);
}

TEST_CASE("a connection that nobody waits for any longer is not made") {
  Spoken node;
  H2Bench bench;
  bench.runtime.next = {&node.socket};
  bench.runtime.read(bench.clients[0], kGet);
  bench.runtime.read_error(bench.clients[0]);
  CHECK(node.socket.released);
}

TEST_CASE("a node that owes an answer and is silent is asked whether it is there") {
  Spoken node;
  H2Bench bench;
  bench.ask_first(node, kPost);
  bench.runtime.pass(19s);
  CHECK(node.socket.take_written().empty());
  bench.runtime.pass(2s);
  const std::string asked = node.socket.take_written();
  REQUIRE(asked.size() == 17);
  CHECK(asked[3] == '\x06');  // PING
  SECTION("and ends if it does not say so") {
    bench.runtime.pass(9s);
    CHECK_FALSE(node.socket.released);
    bench.runtime.pass(2s);
    CHECK(node.socket.released);
    CHECK(bench.clients[0].take_written().starts_with("HTTP/1.1 504 "));
  }
  SECTION("and not again for minutes, since some take it ill") {
    node.peer.take_in(asked);
    bench.say(node);
    bench.runtime.pass(30s);  // less than timeouts.response, and more than another question would take
    CHECK(node.socket.take_written().empty());
    CHECK_FALSE(node.socket.released);
  }
}

TEST_CASE("a node is not asked while it owes nothing") {
  Spoken node;
  H2Bench bench;
  bench.ask_first(node, kGet);
  bench.answer(node, 1);
  bench.hear(node);
  bench.runtime.pass(50s);
  CHECK(node.socket.take_written().empty());
  CHECK_FALSE(node.socket.released);
}

TEST_CASE("a node that goes away while it serves nothing is left") {
  Spoken node, other;
  H2Bench bench;
  bench.ask_first(node, kGet);
  bench.answer(node, 1);
  node.peer.go_away(1, 0);
  bench.say(node);
  CHECK(node.socket.released);
  bench.runtime.next = {&other.socket};
  bench.runtime.read(bench.clients[1], kPost);
  CHECK(bench.runtime.connects.size() == 2);
}

TEST_CASE("a node that takes no requests at all is not asked for connection after connection") {
  Spoken node(0);
  H2Bench bench;
  bench.runtime.next = {&node.socket};
  bench.runtime.read(bench.clients[0], kGet);
  bench.runtime.read(bench.clients[1], kGet);
  bench.runtime.connected();
  bench.talk(node);
  CHECK(bench.runtime.connects.size() == 2);  // for the one that it refused, and no other
  CHECK(bench.clients[1].take_written().starts_with("HTTP/1.1 502 "));
}

TEST_CASE("a 408 over HTTP/2 is an answer like any other") {
  Spoken node;
  H2Bench bench;
  bench.ask_first(node, kGet);
  bench.answer(node, 1);
  bench.clients[0].take_written();
  bench.runtime.read(bench.clients[0], kGet);
  bench.hear(node);
  node.peer.answer(3, {{":status", "408"}}, H2Peer::Ends::here);
  bench.talk(node);
  CHECK(bench.clients[0].take_written().starts_with("HTTP/1.1 408 "));
  CHECK(requests(node) == 2);
}

}  // namespace weir::core
