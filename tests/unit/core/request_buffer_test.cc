// Bodies that are collected before there is a node.
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config collecting(std::vector<std::string> nodes) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].request_buffer = 1024;
  return config;
}

constexpr std::string_view kBegin = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nab";

// Played transports outlive the bench.
struct Collecting {
  explicit Collecting(config::Config config) : bench(std::move(config)) {
    bench.runtime.next = {&node};
    bench.accept(client);
    bench.runtime.read(client, kBegin);
  }
  PlayedTransport client, node;
  Bench bench;
};

}  // namespace

TEST_CASE("a body is whole before a node is asked") {
  Collecting c(collecting({"10.0.0.1:80"}));
  c.bench.runtime.read(c.client, "cd");
  CHECK(c.bench.runtime.connects.empty());
  c.bench.runtime.read(c.client, "ef");
  REQUIRE(c.bench.runtime.connects.size() == 1);
  c.bench.runtime.connected();
  CHECK(c.node.written.ends_with("\r\n\r\nabcdef"));
}

TEST_CASE("a body that was collected under an old configuration goes where the new one says") {
  Collecting c(collecting({"10.0.0.1:80"}));
  config::Config next = collecting({"10.0.0.2:80"});
  next.routes[0].host = "other.test";
  const auto old = c.bench.publish(next);
  c.bench.publish(next);
  c.bench.runtime.read(c.client, "cdef");
  CHECK(c.bench.runtime.connects == std::vector<std::string>{"10.0.0.2:80"});
  c.bench.runtime.connected();
  CHECK(c.node.written.find("\r\nHost: other.test\r\n") != std::string::npos);
  CHECK(c.node.written.ends_with("\r\n\r\nabcdef"));
  c.bench.runtime.pass(1s);
  CHECK(old.expired());
}

TEST_CASE("where the new configuration has no route for it, it is told so") {
  Collecting c(collecting({"10.0.0.1:80"}));
  config::Config next = collecting({"10.0.0.1:80"});
  next.routes[0].match.path = "/b";
  c.bench.publish(next);
  c.bench.runtime.read(c.client, "cdef");
  CHECK(c.client.written.starts_with("HTTP/1.1 404 "));
  CHECK(c.bench.runtime.connects.empty());
}

TEST_CASE("a body that does not come is not waited for longer than others") {
  config::Config config = collecting({"10.0.0.1:80"});
  config.timeouts.min_rate = 0;
  Collecting c(std::move(config));
  c.bench.runtime.pass(20s);
  c.bench.runtime.read(c.client, "c");
  c.bench.runtime.pass(29s);
  CHECK(c.client.written.empty());
  c.bench.runtime.pass(2s);
  CHECK(c.client.written.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("what is longer than the buffer goes on as it comes") {
  config::Config config = collecting({"10.0.0.1:80"});
  config.pools[0].request_buffer = 5;
  Collecting c(std::move(config));
  REQUIRE(c.bench.runtime.connects.size() == 1);
  c.bench.runtime.connected();
  CHECK(c.node.written.ends_with("\r\n\r\nab"));
}

}  // namespace weir::core
