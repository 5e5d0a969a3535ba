// Which connections to a node are kept, for how long, and how many.
#include <chrono>
#include <deque>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config keeping(const config::Keepalive& keepalive) {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].keepalive = keepalive;
  return config;
}

// Two clients whose requests are under way at once, each on a connection of its own, and both answered.
struct Burst : Bench {
  explicit Burst(const config::Keepalive& keepalive) : Bench(keeping(keepalive)) {
    for (std::size_t i = 0; i < 2; ++i) {
      accept(clients[i]);
      ask(clients[i], connections[i], kGet);
    }
    for (PlayedTransport& node : connections) runtime.read(node, kOk);
    CHECK_FALSE(connections[0].released);
    CHECK_FALSE(connections[1].released);
  }
  PlayedTransport clients[2], connections[2];
};

}  // namespace

TEST_CASE("a connection on top of max_idle is kept for a moment") {
  Burst bench({.max_idle = 1});
  bench.runtime.pass(90ms);
  CHECK_FALSE(bench.connections[1].released);
  SECTION("and closed") {
    bench.runtime.pass(20ms);
    CHECK(bench.connections[1].released);
    CHECK_FALSE(bench.connections[0].released);
  }
  SECTION("and takes the place of one that went") {
    bench.runtime.read_end(bench.connections[0]);
    CHECK(bench.connections[0].released);
    bench.runtime.pass(1s);
    CHECK_FALSE(bench.connections[1].released);
  }
  SECTION("and used again by the next burst") {
    for (std::size_t i = 0; i < 2; ++i) bench.runtime.read(bench.clients[i], kGet);
    CHECK(bench.runtime.connects.size() == 2);
  }
}

TEST_CASE("an idle connection ends after idle_timeout, and gives its place back") {
  Burst bench({.max_idle = 1, .idle_timeout = 10s});
  bench.runtime.pass(9s);
  CHECK_FALSE(bench.connections[0].released);
  bench.runtime.pass(2s);
  CHECK(bench.connections[0].released);

  PlayedTransport again;
  bench.ask(bench.clients[0], again, kGet);
  bench.runtime.read(again, kOk);
  bench.runtime.pass(5s);  // longer than one on top of max_idle is kept
  CHECK_FALSE(again.released);
}

TEST_CASE("a connection that is older than max_lifetime serves no other request") {
  PlayedTransport client, node;
  Bench bench(keeping({.max_lifetime = 10s}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kOk);
  SECTION("than it is now, as it comes back") {
    bench.runtime.pass(6s);
    bench.runtime.read(client, kGet);
    bench.runtime.pass(6s);
    CHECK_FALSE(node.released);
    bench.runtime.read(node, kOk);
  }
  SECTION("while it lies idle") {
    bench.runtime.pass(9s);
    CHECK_FALSE(node.released);
    bench.runtime.pass(2s);
  }
  CHECK(node.released);
  CHECK(bench.runtime.connects.size() == 1);
}

TEST_CASE(
    "a request that cannot be replayed keeps away from what a node may not stand, until another has stood "
    "it") {
  const std::string post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
  const bool stood = GENERATE(true, false);
  PlayedTransport client, first, second, third;
  Bench bench(keeping({}));
  bench.accept(client);
  bench.ask(client, first, kGet);
  bench.runtime.read(first, kOk);
  bench.runtime.read_end(first);  // at once: it may take one request a connection
  bench.ask(client, second, kGet);
  bench.runtime.read(second, kOk);
  if (stood) {
    bench.runtime.read(client, kGet);
    bench.runtime.read(second, kOk);
  }
  bench.runtime.next = {&third};
  bench.runtime.read(client, post);
  CHECK(bench.runtime.connects.size() == (stood ? 2 : 3));
  if (!stood) bench.runtime.connected();
  bench.runtime.read(stood ? second : third, kOk);
}

TEST_CASE("with max_idle 0 no connection is kept") {
  PlayedTransport client, node;
  Bench bench(keeping({.max_idle = 0}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kOk);
  CHECK(node.released);
}

TEST_CASE("an idle connection that cannot be written to any more is let go") {
  PlayedTransport client, node;
  Bench bench(keeping({}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kOk);
  bench.runtime.write_error(node);
  CHECK(node.released);
}

TEST_CASE("a connection that began with one client's address is no other client's, after a reload either") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].proxy_protocol = config::ProxyProtocol::v1;
  std::deque<PlayedTransport> clients, nodes;
  Bench bench(config);
  const auto come = [&](const char* from) -> PlayedTransport& {
    PlayedTransport& client = clients.emplace_back();
    client.ip = io::Ip::parse(from).value();
    client.here = {io::Ip::parse("192.0.2.1").value(), 80};
    bench.accept(client);
    return client;
  };
  // Whether a connection was made for it; to the node that is next.
  const auto asks_anew = [&](PlayedTransport& client) {
    const std::size_t before = bench.runtime.connects.size();
    bench.runtime.next = {&nodes.emplace_back()};
    bench.runtime.read(client, kGet);
    if (bench.runtime.connects.size() == before) return false;
    bench.runtime.connected();
    return true;
  };
  PlayedTransport& one = come("192.0.2.7");
  REQUIRE(asks_anew(one));
  PlayedTransport& first = nodes.front();
  CHECK(first.take_written().starts_with("PROXY TCP4 192.0.2.7 192.0.2.1 0 80\r\nGET "));
  SECTION("nor before it") {}
  SECTION("of the same configuration") {
    bench.publish(config);
  }
  SECTION("while it was in use, to no greetings, and back") {
    config.pools[0].proxy_protocol = config::ProxyProtocol::off;
    bench.publish(config);
    bench.runtime.read(first, kOk);
    CHECK(asks_anew(one));
    CHECK(nodes.back().take_written().starts_with("GET "));
    bench.runtime.read(nodes.back(), kOk);
    CHECK_FALSE(asks_anew(come("192.0.2.8")));  // it names nobody
    return;
  }
  SECTION("to another version of the greeting") {
    bench.runtime.read(first, kOk);
    config.pools[0].proxy_protocol = config::ProxyProtocol::v2;
    bench.publish(config);
    CHECK(first.released);
    CHECK(asks_anew(one));
    CHECK(nodes.back().take_written().starts_with("\r\n\r\n"));
    return;
  }
  bench.runtime.read(first, kOk);
  CHECK(asks_anew(come("192.0.2.8")));
  CHECK(nodes.back().take_written().starts_with("PROXY TCP4 192.0.2.8 "));
  CHECK_FALSE(asks_anew(one));
  CHECK(first.take_written().starts_with("GET "));
}

}  // namespace weir::core
