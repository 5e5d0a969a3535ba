// Clients that send or take a body, and do so too slowly; and those that only have nothing to send.
#include <chrono>
#include <utility>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kPut = "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n";

config::Config with_rate(std::uint64_t rate) {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.min_rate = rate;
  return config;
}

// A client that sends so many bytes a second, for so long; whether it is told that this is too slow.
bool is_told(config::Config config, std::size_t bytes, int seconds) {
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, kPut);
  for (int i = 0; i < seconds && client.written.empty(); ++i) {
    bench.runtime.pass(1s);
    bench.runtime.read(client, std::string(bytes, 'x'));
  }
  if (client.written.empty()) return false;
  CHECK(client.written.starts_with("HTTP/1.1 408 "));
  CHECK(node.released);
  return true;
}

}  // namespace

TEST_CASE("a client that trickles its body is told so ten seconds after its first byte") {
  CHECK(is_told(with_rate(100), 99, 11));
  CHECK_FALSE(is_told(with_rate(100), 99, 10));
  CHECK_FALSE(is_told(with_rate(100), 100, 60));
  CHECK_FALSE(is_told(with_rate(0), 1, 60));
  CHECK(is_told(one_pool({"127.0.0.1:1"}), 1, 11));
  config::Config own = with_rate(100);
  own.routes[0].timeouts.min_rate = 10;
  CHECK_FALSE(is_told(std::move(own), 20, 30));
}

TEST_CASE("a body of unknown length may come in drops: nobody knows whether there is more") {
  PlayedTransport client, node;
  Bench bench(with_rate(100));
  bench.accept(client);
  bench.ask(client, node, "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 30; ++i) {
    bench.runtime.pass(1s);
    bench.runtime.read(client, "1\r\nx\r\n");
  }
  CHECK(client.written.empty());
}

TEST_CASE("while the node takes nothing its client is not slow") {
  PlayedTransport client, node;
  Bench bench(with_rate(100));
  bench.accept(client);
  bench.ask(client, node, kPut);
  node.takes = false;
  for (int i = 0; i < 30; ++i) {
    bench.runtime.pass(1s);
    bench.runtime.read(client, "x");
  }
  CHECK(client.written.empty());
}

TEST_CASE("a client that trickles out of a response is cut off") {
  PlayedTransport client, node;
  Bench bench(with_rate(100));
  bench.accept(client);
  bench.ask(client, node, kGet);
  client.takes = false;
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(20'000, 'x'));
  const auto take = [&](std::size_t bytes) {
    client.waiting -= bytes;
    client.handler->on_sent(bytes);
    bench.runtime.end_turn();
  };
  take(client.waiting - 20'000);  // the head
  SECTION("byte by byte") {
    for (int i = 0; i < 11; ++i) {
      CHECK_FALSE(client.released);
      bench.runtime.pass(1s);
      take(99);
    }
    bench.runtime.pass(10ms);
    CHECK(client.released);
    CHECK(node.released);
  }
  SECTION("fast enough") {
    for (int i = 0; i < 60; ++i) {
      bench.runtime.pass(1s);
      take(100);
    }
    CHECK_FALSE(client.released);
  }
  SECTION("in lumps, as kernels do") {
    bench.runtime.pass(25s);
    take(2'500);
    bench.runtime.pass(25s);
    take(2'500);
    CHECK_FALSE(client.released);
  }
}

TEST_CASE("a node that trickles makes no slow client") {
  PlayedTransport client, node;
  Bench bench(with_rate(100));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 60; ++i) {
    bench.runtime.pass(1s);
    bench.runtime.read(node, "x");
  }
  CHECK_FALSE(client.released);
}

TEST_CASE("a client that was slow to take what there was, and has, is none") {
  PlayedTransport client, node;
  Bench bench(with_rate(100));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(
      node, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.takes = false;
  for (int i = 0; i < 5; ++i) {
    bench.runtime.read(node, "5\r\nevent\r\n");
    bench.runtime.pass(12s);
    client.handler->on_sent(std::exchange(client.waiting, 0));
    bench.runtime.end_turn();
    bench.runtime.pass(10ms);
  }
  CHECK_FALSE(client.released);
}

TEST_CASE("the end of an answer may take as long as at the least rate, and one silence") {
  PlayedTransport client, node;
  Bench bench(with_rate(1000));
  bench.accept(client);
  bench.ask(client, node, kGet);
  client.takes = false;
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + std::string(20'000, 'x'));
  for (int i = 0; i < 49; ++i) {
    bench.runtime.pass(1s);
    client.waiting -= 10;
    client.handler->on_sent(10);
    bench.runtime.end_turn();
  }
  CHECK_FALSE(client.released);
  bench.runtime.pass(2s);
  CHECK(client.released);
}

}  // namespace weir::core
