// The data path of one worker on a loop that stands still: connections, exchanges and snapshots together.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kUpgrade =
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

}  // namespace

TEST_CASE("a node that comes back is served as if it had never gone") {
  PlayedTransport client, first, again, last;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, first, kGet);
  bench.runtime.read(first, kOk);

  bench.publish(one_pool({"127.0.0.1:2"}));
  CHECK(first.released);
  bench.publish(one_pool({"127.0.0.1:1"}));
  bench.publish(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  bench.publish(one_pool({"127.0.0.1:1"}));

  bench.ask(client, again, kGet);
  bench.runtime.read(again, kOk);
  CHECK_FALSE(again.released);  // kept for the next request
  bench.runtime.read(client, kGet);
  CHECK(bench.runtime.connects.size() == 2);
}

TEST_CASE("a node that went with work in flight and comes back keeps connections again") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.publish(one_pool({"127.0.0.1:2"}));
  bench.publish(one_pool({"127.0.0.1:1"}));
  bench.runtime.pass(40s);  // longer than drain_timeout, which no longer counts
  bench.runtime.read(node, kOk);
  CHECK(client.written.starts_with("HTTP/1.1 200 "));
  CHECK_FALSE(node.released);
}

TEST_CASE("what is in flight at a node that went is cut after drain_timeout") {
  PlayedTransport client, node;
  config::Config config = one_pool({"127.0.0.1:2"});
  config.drain_timeout = 10s;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kUpgrade);
  bench.runtime.read(node, kSwitch);
  bench.publish(std::move(config));
  bench.runtime.pass(9s);
  CHECK_FALSE(node.released);
  bench.runtime.pass(2s);
  CHECK(node.released);
  CHECK(client.was_reset);
}

TEST_CASE("an answer that is under way keeps no old snapshot alive") {
  const bool before = GENERATE(true, false);
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  const auto old = bench.publish(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kUpgrade);
  if (before) bench.publish(one_pool({"127.0.0.1:1"}));
  if (before) CHECK_FALSE(old.expired());  // it may still need another node
  bench.runtime.read(node, kSwitch);
  if (!before) bench.publish(one_pool({"127.0.0.1:1"}));
  CHECK(old.expired());

  client.take_written();
  bench.runtime.read(node, "hello");
  bench.runtime.read(client, "you");
  CHECK(client.take_written() == "hello");
  CHECK(node.take_written().ends_with("you"));
  bench.runtime.pass(2h);  // timeouts.tunnel still counts
  CHECK(client.was_reset);
  CHECK(node.released);
}

TEST_CASE("an answer of Weir's own begins the idle time anew") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.routes.back().match.path = "/app";
  config.timeouts.idle = 10s;
  PlayedTransport client;
  Bench bench(std::move(config));
  bench.accept(client);
  for (int i = 0; i < 5; ++i) {
    bench.runtime.pass(6s);
    bench.runtime.read(client, kGet);
    CHECK(client.take_written().starts_with("HTTP/1.1 404 "));
  }
  CHECK_FALSE(client.released);
  bench.runtime.pass(11s);
  CHECK(client.released);
}

TEST_CASE("a connection whose node answered before the whole request had left is not kept") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.next = {&node};
  bench.runtime.read(client, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n");
  bench.runtime.connected();
  node.takes = false;
  bench.runtime.read(client, "body");
  bench.runtime.read(node, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.written.starts_with("HTTP/1.1 403 "));
  CHECK(node.released);
}

TEST_CASE("a node's 408 on a reused connection is not taken for the answer") {
  PlayedTransport client, old, fresh;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, old, kGet);
  bench.runtime.read(old, kOk);
  client.take_written();
  bench.runtime.read(client, kGet);
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.next = {&fresh};
  bench.runtime.read(old, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  SECTION("the request goes over a fresh one") {
    bench.runtime.read(fresh, kOk);
    CHECK(client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("on which a 408 is meant") {
    bench.runtime.read(fresh, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    CHECK(client.written.starts_with("HTTP/1.1 408 "));
  }
}

TEST_CASE("a client has the whole timeout for bytes that come after a silence") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.body = 10s;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  bench.runtime.pass(40s);
  client.takes = false;
  bench.runtime.read(node, "data: x\n\n");
  bench.runtime.pass(8s);
  CHECK_FALSE(client.released);
  bench.runtime.pass(12s);
  CHECK(client.released);
}

TEST_CASE("a client that sends but does not take its answer is cut") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.body = 10s;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n");
  client.takes = false;
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin");
  for (int i = 0; i < 8 && !client.released; ++i) {
    bench.runtime.pass(5s);
    if (!client.released) bench.runtime.read(client, "x");
  }
  CHECK(client.released);
}

TEST_CASE("the end of an answer has its route's timeout") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.body = 1s;
  config.routes.back().timeouts.body = 20s;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, kGet);
  client.takes = false;
  bench.runtime.read(node, kOk);
  bench.runtime.pass(15s);
  CHECK_FALSE(client.released);
  bench.runtime.pass(10s);
  CHECK(client.released);
}

TEST_CASE("a tunnel to a node that takes nothing more ends as it would without Weir") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kUpgrade);
  bench.runtime.read(node, kSwitch);
  bench.runtime.read(node, "bye");
  bench.runtime.read_end(node);
  CHECK(client.written.ends_with("bye"));
  CHECK(client.write_ended);
  bench.runtime.write_error(node);
  SECTION("the client ends too") {
    bench.runtime.read_end(client);
    CHECK_FALSE(client.was_reset);
  }
  SECTION("the client goes on sending") {
    bench.runtime.read(client, "more");
    CHECK(client.was_reset);
  }
  CHECK(node.released);
}

TEST_CASE("what a node said before it took nothing more still reaches the client of its tunnel") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kUpgrade);
  bench.runtime.read(node, kSwitch);
  bench.runtime.write_error(node);
  bench.runtime.read(client, std::string(1000, 'x'));
  bench.runtime.read(node, "bye");
  bench.runtime.read_end(node);
  CHECK(client.written.ends_with("bye"));
  CHECK_FALSE(client.was_reset);
  bench.runtime.read_end(client);
  CHECK(node.released);
}

}  // namespace weir::core
