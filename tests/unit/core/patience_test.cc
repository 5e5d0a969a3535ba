// How long a client says that it waits: Weir waits no longer, and its node hears of what is left.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config patient() {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.deadline_header = "X-Patience";
  return config;
}

std::string get(std::string_view patience) {
  return "GET / HTTP/1.1\r\nHost: a.test\r\nx-patience: " + std::string(patience) + "\r\n\r\n";
}

}  // namespace

TEST_CASE("a request is over when its client waits no longer") {
  PlayedTransport client, node;
  Bench bench(patient());
  bench.accept(client);
  bench.ask(client, node, get("250"));
  CHECK(node.written.find("X-Patience: 250\r\n") != std::string::npos);
  bench.runtime.pass(240ms);
  CHECK(client.written.empty());
  bench.runtime.pass(20ms);
  CHECK(client.written.starts_with("HTTP/1.1 504 "));
  CHECK(client.written.find("request_timeout") != std::string::npos);
  CHECK(bench.nodes.route_counts("default", "app")->of(0).failures.get(base::Reason::request_timeout) == 1);
  CHECK(bench.nodes.get("app", io::Address::parse(bench.runtime.connects[0]).value(), 1)
            ->counts.of(0)
            .cancelled.get() == 1);  // it is not the node's fault
}

TEST_CASE("a client that waits no longer as it asks is told so, and no node is asked") {
  PlayedTransport client;
  Bench bench(patient());
  bench.accept(client);
  bench.runtime.read(client, get("0"));
  CHECK(client.written.starts_with("HTTP/1.1 504 "));
  CHECK(client.written.find("request_timeout") != std::string::npos);
  CHECK(bench.runtime.connects.empty());
}

TEST_CASE("each try hears of what is left, in the form that the client has chosen") {
  PlayedTransport client, first, second;
  Bench bench(patient());
  bench.accept(client);
  bench.ask(client, first, get("1s"));
  CHECK(first.written.find("X-Patience: 1000ms\r\n") != std::string::npos);
  bench.runtime.next = {&second};
  bench.runtime.pass(300ms);
  bench.runtime.read_end(first);
  bench.runtime.pass(100ms);
  bench.runtime.connected();
  CHECK(second.written.find("X-Patience: 600ms\r\n") != std::string::npos);
}

TEST_CASE("timeouts.request may be shorter, and is what is told then") {
  config::Config config = patient();
  config.timeouts.request = 100ms;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, get("250"));
  CHECK(node.written.find("X-Patience: 100\r\n") != std::string::npos);
  bench.runtime.pass(110ms);
  CHECK(client.written.starts_with("HTTP/1.1 504 "));
}

TEST_CASE("what is no time goes on as it is, and so does a field that nobody has named") {
  for (const std::string_view said : {"soon", "-5", ""}) {
    PlayedTransport client, node;
    Bench bench(patient());
    bench.accept(client);
    bench.ask(client, node, get(said));
    CHECK(node.written.find("x-patience: " + std::string(said)) != std::string::npos);
    bench.runtime.pass(1s);
    CHECK(client.written.empty());
  }
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, get("250"));
  CHECK(node.written.find("x-patience: 250\r\n") != std::string::npos);
  bench.runtime.pass(1s);
  CHECK(client.written.empty());
}

}  // namespace weir::core
