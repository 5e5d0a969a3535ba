// Nodes that speak HTTP/2 and say what they like, when they like.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Config over_h2(config::Protocol protocol = config::Protocol::h2) {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].protocol = protocol;
  return config;
}

std::string h2_frame(char type, char flags, char stream, const std::string& payload = {}) {
  const std::string head = {0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
  return head + payload;
}

const std::string kH2Settings = h2_frame(4, 0, 0);
const std::string kNoStreams = h2_frame(4, 0, 0, {0, 3, 0, 0, 0, 0});
const std::string kGoawayFromFirst = h2_frame(7, 0, 0, std::string(8, '\0'));
const std::string kPostNothing = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";

// 200 and no body.
std::string h2_answer(char stream) {
  return h2_frame(1, 5, stream, "\x88");
}

// A call's, over with its head.
std::string h2_call_failed(char stream, const std::string& grpc_status) {
  const auto field = [](const std::string& name, const std::string& value) {
    return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) +
           value;
  };
  return h2_frame(1, 5, stream,
                  "\x88" + field("content-type", "application/grpc") + field("grpc-status", grpc_status));
}

// Two clients whose requests are there before the node has said how many it takes.
struct Awaiting : Bench {
  Awaiting() : Bench(over_h2()) {
    for (PlayedTransport* client : {&first, &second}) accept(*client);
    runtime.next = {&node};
    runtime.read(first, kPostNothing);
    runtime.read(second, kPostNothing);
    runtime.connected();
    CHECK(runtime.connects.size() == 1);
  }
  PlayedTransport first, second, node;
};

}  // namespace

TEST_CASE("an idle connection to a node that takes no streams any more is used no more") {
  PlayedTransport client, node, next;
  Bench bench(over_h2());
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kH2Settings + h2_answer(1));
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
  bench.runtime.read(node, kNoStreams);
  bench.ask(client, next, kGet);
  CHECK(bench.runtime.connects.size() == 2);
  CHECK(node.released);
  bench.runtime.read(next, kH2Settings);
  bench.runtime.read(next, h2_answer(1));
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("who waits for a node's settings hears that it ended the connection instead") {
  Awaiting bench;
  SECTION("by FIN") {
    bench.runtime.read_end(bench.node);
  }
  SECTION("by RST") {
    bench.runtime.read_error(bench.node);
  }
  SECTION("by GOAWAY") {
    PlayedTransport next;
    bench.runtime.next = {&next};
    bench.runtime.read(bench.node, kH2Settings + kGoawayFromFirst);
    CHECK(bench.runtime.connects.size() == 2);
    bench.runtime.refused();
  }
  SECTION("by what is no HTTP/2") {
    bench.runtime.read(bench.node, std::string(100, 'x'));
  }
  CHECK(bench.first.take_written().starts_with("HTTP/1.1 502 "));
  CHECK(bench.second.take_written().starts_with("HTTP/1.1 502 "));
}

TEST_CASE("a node that answers in HTTP/1.1 has taken no request, whatever it was") {
  PlayedTransport client, node, next;
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, kPostNothing);
  bench.runtime.next = {&next};
  bench.runtime.read(node, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  bench.runtime.read(next, kH2Settings + h2_answer(1));
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("a connection whose only request was given up serves who waits for the node's settings") {
  Awaiting bench;
  bench.runtime.read_error(bench.first);
  SECTION("which come") {
    bench.runtime.read(bench.node, kH2Settings);
  }
  SECTION("which come late") {
    bench.runtime.pass(300ms);
    bench.runtime.read(bench.node, kH2Settings);
  }
  bench.runtime.read(bench.node, h2_answer(3));
  CHECK(bench.second.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
  for (const char stream : {char{5}, char{7}}) {  // it is idle, and taken again
    bench.runtime.read(bench.second, kGet);
    bench.runtime.read(bench.node, h2_answer(stream));
    CHECK(bench.second.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
  }
  CHECK(bench.runtime.connects.size() == 1);
}

TEST_CASE("a connection that serves nobody when its node's settings are late rests all the same") {
  Awaiting bench;
  bench.runtime.read_error(bench.first);
  bench.runtime.read_error(bench.second);
  bench.runtime.pass(300ms);
  CHECK_FALSE(bench.node.released);
  bench.runtime.pass(2h);  // longer than idle_timeout
  CHECK(bench.node.released);
}

TEST_CASE("what comes of a body while its node takes no more goes along when the request is sent again") {
  const std::string put = "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12345";
  PlayedTransport client, node, next;
  const bool h2 = GENERATE(true, false);
  Bench bench(over_h2(h2 ? config::Protocol::h2 : config::Protocol::h1));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, h2 ? kH2Settings + h2_answer(1) : kOk);
  bench.runtime.next = {&next};
  bench.runtime.read(client, put);
  bench.runtime.write_error(node);
  bench.runtime.read(client, "67890");
  if (h2)
    bench.runtime.read(node, kGoawayFromFirst);
  else
    bench.runtime.read_end(node);
  bench.runtime.connected();
  if (h2) bench.runtime.read(next, kH2Settings);
  CHECK(next.take_written().find("1234567890") != std::string::npos);
}

TEST_CASE("a request whose stream is reset before an answer is sent to another node, if it may be") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  PlayedTransport client, node, next;
  Bench bench(std::move(config));
  bench.accept(client);
  const bool repeatable = GENERATE(true, false);
  bench.ask(client, node, repeatable ? kGet : kPostNothing);
  bench.runtime.next = {&next};
  bench.runtime.read(node, kH2Settings + h2_frame(3, 0, 1, {0, 0, 0, 2}));
  CHECK_FALSE(node.released);  // its connection serves on
  bench.runtime.pass(60ms);
  if (repeatable) {
    REQUIRE(bench.runtime.connects.size() == 2);
    CHECK(bench.runtime.connects[0] != bench.runtime.connects[1]);
    bench.runtime.connected();
    bench.runtime.read(next, kH2Settings + h2_answer(1));
  }
  CHECK(client.written.starts_with(repeatable ? "HTTP/1.1 200 " : "HTTP/1.1 502 "));
}

TEST_CASE("a fresh connection to the same node that is quiet in being made is left for another node") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  PlayedTransport client, nodes[2], fresh, last;
  Bench bench(std::move(config));
  for (const char* node : {"127.0.0.1:1", "127.0.0.1:2"})
    bench.nodes.get("app", io::Address::parse(node).value(), 1)->conduct.set_suspect_after(250ms);
  bench.accept(client);
  for (PlayedTransport& node : nodes) {
    bench.ask(client, node, kGet);
    bench.runtime.read(node, kH2Settings + h2_answer(1));
    CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
    node.take_written();
  }
  bench.runtime.next = {&fresh, &last};
  bench.runtime.read(client, kPostNothing);
  const std::size_t asked = nodes[0].written.empty() ? 1 : 0;
  bench.runtime.read(nodes[asked], kGoawayFromFirst);  // the request is on its way, and the node goes
  REQUIRE(bench.runtime.connects.size() == 3);
  CHECK(bench.runtime.connects[2] == bench.runtime.connects[asked]);
  bench.runtime.pass(300ms);
  REQUIRE(bench.runtime.connects.size() == 4);
  CHECK(bench.runtime.connects[3] == bench.runtime.connects[1 - asked]);
  bench.runtime.connected();
  bench.runtime.read(last, kH2Settings + h2_answer(1));
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("what a connection says for itself is no sign of its node's life") {
  PlayedTransport client, node;
  Bench bench(over_h2());
  const auto endpoint = bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  endpoint->conduct.set_suspect_after(250ms);
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kH2Settings);
  for (int i = 0; i < 3; ++i) {
    bench.runtime.pass(100ms);
    bench.runtime.read(
        node, kH2Settings + h2_frame(6, 0, 0, std::string(8, 'p')) + h2_frame(8, 0, 0, {0, 0, 0, 9}));
  }
  CHECK(endpoint->node->state().suspect);
  bench.runtime.read(node, h2_answer(1));
  CHECK_FALSE(endpoint->node->state().suspect);
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("a node that goes away twice has declined once, and the request is another node's") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  config.pools[0].retry.budget = 0;
  PlayedTransport client, nodes[2], fresh;
  Bench bench(std::move(config));
  bench.accept(client);
  for (PlayedTransport& node : nodes) {
    bench.ask(client, node, kGet);
    bench.runtime.read(node, kH2Settings + h2_answer(1));
    client.take_written();
    node.take_written();
  }
  bench.runtime.next = {&fresh};
  bench.runtime.read(client, kPostNothing);
  const std::size_t asked = nodes[0].written.empty() ? 1 : 0;
  bench.runtime.read(nodes[asked], kGoawayFromFirst);
  REQUIRE(bench.runtime.connects.size() == 3);
  bench.runtime.connected();
  bench.runtime.read(fresh, kH2Settings + kGoawayFromFirst);
  CHECK(bench.runtime.connects.size() == 3);
  CHECK_FALSE(nodes[1 - asked].written.empty());
  bench.runtime.read(nodes[1 - asked], h2_answer(3));
  CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(bench.nodes.pool_shared("app")->counts.of(0).declined_twice.total() == 0);
}

TEST_CASE(
    "a call owes its answer where it is all sent and its caller does not wait for long, and a connection "
    "anyhow") {
  const std::string deadline = GENERATE("", "grpc-timeout: 2S\r\n", "grpc-timeout: 2H\r\n");
  const std::string call = "POST /a.B/C HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc-web\r\n" +
                           deadline + "Content-Length: 5\r\n\r\n" + std::string(5, '\0');
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].protocol = config::Protocol::h2;
  PlayedTransport client, node, other;
  Bench bench(std::move(config));
  const auto endpoint = [&](std::size_t connect) {
    return bench.nodes.get("app", io::Address::parse(bench.runtime.connects.at(connect)).value(), 1);
  };
  for (const char* each : {"127.0.0.1:1", "127.0.0.1:2"})
    bench.nodes.get("app", io::Address::parse(each).value(), 1)->conduct.set_suspect_after(250ms);
  bench.accept(client);
  bench.runtime.next = {&node, &other};
  bench.runtime.read(client, call);
  SECTION("an answer") {
    bench.runtime.connected();
    bench.runtime.read(node, kH2Settings);
    bench.runtime.pass(300ms);
    CHECK(endpoint(0)->node->state().suspect == (deadline == "grpc-timeout: 2S\r\n"));
    CHECK(bench.runtime.connects.size() == 1);  // it is not asked of two
  }
  SECTION("a connection") {
    bench.runtime.pass(300ms);
    CHECK(endpoint(0)->node->state().suspect);
    CHECK(bench.runtime.connects.size() == 2);
  }
}

TEST_CASE("a node that fails calls by their status is out as by HTTP's") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].protocol = config::Protocol::h2;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  const auto endpoint = bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  endpoint->pool->ejection.use({.gateway_errors = 3, .most = 1, .panic = 30}, nullptr);
  const observe::NodeShare& counts = endpoint->counts.of(0);
  bench.accept(client);
  bench.ask(client, node, kGet);
  auto answered = [&, stream = 1](const std::string& grpc_status) mutable {
    bench.runtime.read(
        node, (stream == 1 ? kH2Settings : "") + h2_call_failed(static_cast<char>(stream), grpc_status));
    CHECK(client.take_written().starts_with("HTTP/1.1 200 OK\r\n"));
    stream += 2;
    bench.runtime.read(client, kGet);
  };
  for (const char* status : {"14", "14", "2", "14", "14"}) answered(status);
  CHECK(counts.failures.get() == 5);
  CHECK_FALSE(endpoint->conduct.fails_all());  // 2 is one of the application
  answered("14");
  CHECK(endpoint->conduct.fails_all());
  for (const char* status : {"0", "5", "4"}) answered(status);
  CHECK(counts.failures.get() == 6);
  CHECK_FALSE(endpoint->conduct.fails_all());
}

}  // namespace weir::core
