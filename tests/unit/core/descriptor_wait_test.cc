// An exchange that finds no descriptor for its node waits a moment and tries again, whatever the client sends
// meanwhile.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {

using namespace std::chrono_literals;

TEST_CASE("the end of a request does not end the wait for a descriptor") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:80"}));
  bench.accept(client);
  bench.runtime.read(client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbo");
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.no_descriptor();
  bench.runtime.read(client, "dy");
  CHECK(bench.runtime.connects.size() == 1);

  bench.runtime.next = {&node};
  bench.runtime.pass(50ms);
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  CHECK(node.written.ends_with("\r\n\r\nbody"));
}

TEST_CASE("the wait for a descriptor is part of the time that a request may take") {
  PlayedTransport client;
  config::Config config = one_pool({"127.0.0.1:80"});
  config.timeouts.request = 50ms;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.read(client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  for (int i = 0; i < 10 && client.written.empty(); ++i) {
    bench.runtime.no_descriptor();
    bench.runtime.pass(30ms);
  }
  CHECK(client.written.starts_with("HTTP/1.1 504 "));
  CHECK(bench.runtime.connects.size() == 2);
}

// Otherwise each kept connection that its node has closed would be one more try that nobody counts.
TEST_CASE("a try that must not use a kept connection still must not after a wait for a descriptor") {
  PlayedTransport client, kept[2], fresh;
  Bench bench(one_pool({"127.0.0.1:80", "127.0.0.2:80"}));
  bench.accept(client);
  for (PlayedTransport& node : kept) {
    bench.ask(client, node, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    bench.runtime.read(node, "HTTP/1.1 200 -\r\nContent-Length: 0\r\n\r\n");
    node.take_written();
  }
  bench.runtime.read(client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  PlayedTransport& used = kept[0].written.empty() ? kept[1] : kept[0];
  PlayedTransport& other = kept[0].written.empty() ? kept[0] : kept[1];
  REQUIRE_FALSE(used.written.empty());
  bench.runtime.read_end(used);
  REQUIRE(bench.runtime.connects.size() == 3);
  bench.runtime.no_descriptor();
  bench.runtime.next = {&fresh};
  bench.runtime.pass(50ms);
  CHECK(other.written.empty());
  REQUIRE(bench.runtime.connects.size() == 4);
  CHECK(bench.runtime.connects[3] == bench.runtime.connects[2]);
  bench.runtime.connected();
  CHECK_FALSE(fresh.written.empty());
}

TEST_CASE("a request that was collected slowly may wait for a descriptor as long as any") {
  config::Config config = one_pool({"127.0.0.1:80"});
  config.pools[0].request_buffer = 65536;
  Bench bench(std::move(config));
  PlayedTransport client;
  bench.accept(client);
  bench.runtime.read(client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbo");
  bench.runtime.pass(3s);
  bench.runtime.read(client, "dy");
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.no_descriptor();
  CHECK(client.written.empty());
  bench.runtime.pass(50ms);
  CHECK(bench.runtime.connects.size() == 2);
  for (int i = 0; i < 100 && client.written.empty(); ++i) {
    bench.runtime.no_descriptor();
    bench.runtime.pass(50ms);
  }
  CHECK(client.written.starts_with("HTTP/1.1 503"));
}

}  // namespace weir::core
