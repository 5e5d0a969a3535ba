// Whose doing a delay or an end is: what the client or Weir itself caused never counts against a node.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kSlowPut = "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n";
constexpr base::Duration kQuietFor = 250ms;  // until a node that owes something is suspect

// A client and two nodes.
struct Blamed {
  explicit Blamed(config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"}))
      : bench(std::move(config)) {
    bench.accept(client);
  }
  Endpoint& endpoint(std::size_t connect) {
    return *bench.nodes.get("app", io::Address::parse(bench.runtime.connects.at(connect)).value(), 1);
  }
  observe::NodeShare& counts(std::size_t connect = 0) { return endpoint(connect).counts.of(0); }
  base::Duration slowest() {
    observe::Latency::Reading times{};
    counts().add_latency_to(times);
    return observe::percentile(times, 1.0);
  }

  PlayedTransport client, first, second;
  Bench bench;
};

}  // namespace

TEST_CASE("a try that ends while its client still sends is not the node's failure") {
  const bool sends = GENERATE(true, false);
  INFO(sends);
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.attempt = 100ms;
  Blamed blamed(std::move(config));
  blamed.bench.ask(blamed.client, blamed.first, sends ? kSlowPut + "some" : kSlowPut + "all of it!");
  blamed.bench.runtime.pass(110ms);
  CHECK(blamed.first.released);
  CHECK(blamed.counts().failures.get() == (sends ? 0 : 1));
  CHECK(blamed.counts().cancelled.get() == (sends ? 1 : 0));
}

TEST_CASE("the time that a client takes to send is not the node's") {
  Blamed blamed;
  blamed.bench.ask(blamed.client, blamed.first, kSlowPut);
  blamed.bench.runtime.pass(5s);
  blamed.bench.runtime.read(blamed.client, "all of it!");
  blamed.bench.runtime.pass(20ms);
  blamed.bench.runtime.read(blamed.first, kOk);
  REQUIRE(blamed.client.written.starts_with("HTTP/1.1 200 "));
  CHECK(blamed.slowest() >= 15ms);
  CHECK(blamed.slowest() <= 30ms);
}

TEST_CASE("who waits for a quiet node to connect goes to another one, whatever it asks for") {
  const std::string method = GENERATE("POST", "PUT", "GET");
  const std::string request = method + " / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";
  Blamed blamed;
  for (const char* node : {"127.0.0.1:1", "127.0.0.1:2"})
    blamed.bench.nodes.get("app", io::Address::parse(node).value(), 1)->conduct.set_suspect_after(kQuietFor);
  blamed.bench.runtime.next = {&blamed.first, &blamed.second};
  blamed.bench.runtime.read(blamed.client, request);
  REQUIRE(blamed.bench.runtime.connects.size() == 1);
  SECTION("if there is one") {
    blamed.bench.runtime.pass(kQuietFor + 10ms);
    REQUIRE(blamed.bench.runtime.connects.size() == 2);
    blamed.bench.runtime.connected();
    CHECK(blamed.second.written.starts_with(method + " / "));
    CHECK(blamed.first.written.empty());
    CHECK(blamed.counts().connect_timeout.get() == 1);
    CHECK(blamed.counts().retries.get() == 1);
  }
  SECTION("and that is no suspect itself") {
    const bool is_first = blamed.bench.runtime.connects[0] == "127.0.0.1:1";
    const auto other = io::Address::parse(is_first ? "127.0.0.1:2" : "127.0.0.1:1").value();
    blamed.bench.nodes.get("app", other, 1)->node->suspect();
    blamed.bench.runtime.pass(kQuietFor + 10ms);
    CHECK(blamed.bench.runtime.connects.size() == 1);
  }
}

TEST_CASE("how long a node's answers take says nothing of its connections") {
  Blamed blamed;
  for (const char* node : {"127.0.0.1:1", "127.0.0.1:2"})
    blamed.bench.nodes.get("app", io::Address::parse(node).value(), 1)->conduct.set_suspect_after(16s);
  blamed.bench.runtime.next = {&blamed.first, &blamed.second};
  blamed.bench.runtime.read(blamed.client, kGet);
  blamed.bench.runtime.pass(490ms);
  CHECK(blamed.bench.runtime.connects.size() == 1);
  blamed.bench.runtime.pass(20ms);  // a quarter of timeouts.connect
  CHECK(blamed.bench.runtime.connects.size() == 2);
}

TEST_CASE("a try whose time is over while it connects has not found its node") {
  const std::string post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.timeouts.attempt = 100ms;
  Blamed blamed(std::move(config));
  blamed.bench.runtime.next = {&blamed.first, &blamed.second};
  blamed.bench.runtime.read(blamed.client, post);
  REQUIRE(blamed.bench.runtime.connects.size() == 1);
  blamed.bench.runtime.pass(110ms);
  REQUIRE(blamed.bench.runtime.connects.size() == 2);
  blamed.bench.runtime.connected();
  CHECK(blamed.second.written.starts_with("POST / "));
  CHECK(blamed.counts().connect_timeout.get() == 1);
  CHECK(blamed.bench.nodes.pool_shared("app")->counts.of(0).retries.get() == 0);  // it costs nothing
}

TEST_CASE("a node's silence goes on when those whom it owes an answer have gone") {
  Blamed blamed(one_pool({"127.0.0.1:1"}));
  Endpoint& node = *blamed.bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  node.conduct.set_suspect_after(1s);
  PlayedTransport next;
  blamed.bench.accept(next);
  blamed.bench.ask(blamed.client, blamed.first, kGet);
  blamed.bench.runtime.pass(900ms);
  SECTION("and the next one sees it") {
    blamed.bench.runtime.read_error(blamed.client);
    blamed.bench.ask(next, blamed.second, kGet);
    blamed.bench.runtime.pass(240ms);  // it has a moment to answer, however long it has been silent before
    CHECK_FALSE(node.node->state().suspect);
    blamed.bench.runtime.pass(20ms);
    CHECK(node.node->state().suspect);
    blamed.bench.runtime.read(blamed.second, kOk);
    CHECK_FALSE(node.node->state().suspect);
  }
  SECTION("but not for long") {
    blamed.bench.runtime.read_error(blamed.client);
    blamed.bench.runtime.pass(11s);
    blamed.bench.ask(next, blamed.second, kGet);
    blamed.bench.runtime.pass(900ms);
    CHECK_FALSE(node.node->state().suspect);
  }
  SECTION("until its next byte") {
    blamed.bench.runtime.read(blamed.first, kOk);
    blamed.bench.runtime.pass(20ms);
    blamed.bench.runtime.next.clear();
    blamed.bench.runtime.read(next, kGet);
    blamed.bench.runtime.pass(900ms);
    CHECK_FALSE(node.node->state().suspect);
    blamed.bench.runtime.pass(110ms);
    CHECK(node.node->state().suspect);
  }
}

TEST_CASE("who waits for a node of which little is known is helped as well") {
  Blamed blamed;
  for (const char* node : {"127.0.0.1:1", "127.0.0.1:2"})
    blamed.bench.nodes.get("app", io::Address::parse(node).value(), 1)
        ->conduct.set_suspect_after(Conduct::kUnknownSilence);
  blamed.bench.ask(blamed.client, blamed.first, kGet);
  blamed.bench.runtime.next = {&blamed.second};
  blamed.bench.runtime.pass(1010ms);
  REQUIRE(blamed.bench.runtime.connects.size() == 2);
  blamed.bench.runtime.connected();
  blamed.bench.runtime.read(blamed.second, kOk);
  CHECK(blamed.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a node that declines a request has not failed") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].protocol = config::Protocol::h2;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, kGet);
  // SETTINGS, and RST_STREAM of stream 1 with REFUSED_STREAM.
  bench.runtime.read(node, std::string("\0\0\0\4\0\0\0\0\0", 9));
  bench.runtime.read(node, std::string("\0\0\4\3\0\0\0\0\1\0\0\0\7", 13));
  const auto endpoint = bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  CHECK(endpoint->counts.of(0).answers.get(0) >= 1);
  CHECK(endpoint->counts.of(0).failures.get() == 0);
}

TEST_CASE("a node that gives up on a client that sends nothing has not failed") {
  const bool long_silent = GENERATE(true, false);
  Bench bench(one_pool({"127.0.0.1:1"}));
  PlayedTransport client, node;
  bench.accept(client);
  bench.ask(client, node, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nsome");
  bench.runtime.pass(long_silent ? 2s : 500ms);
  bench.runtime.read_end(node);
  CHECK(client.written.starts_with("HTTP/1.1 502"));
  const observe::NodeShare& counts = bench.path.snapshot().pools[0].endpoints[0]->counts.of(0);
  CHECK(counts.failures.get() == (long_silent ? 0 : 1));
  CHECK(counts.cancelled.get() == (long_silent ? 1 : 0));
}

TEST_CASE("a node that gives up on a client that takes nothing has not failed") {
  Bench bench(one_pool({"127.0.0.1:1"}));
  PlayedTransport client, node;
  bench.accept(client);
  bench.ask(client, node, kGet);
  client.takes = false;
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(65536, 'x'));
  REQUIRE(node.paused);
  bench.runtime.pass(2s);
  bench.runtime.read_error(node);
  const observe::NodeShare& counts = bench.path.snapshot().pools[0].endpoints[0]->counts.of(0);
  CHECK(counts.failures.get() == 0);
  CHECK(counts.broken_answers.get() == 0);
}

TEST_CASE("who leaves a node that is quiet goes to others, and to that one again before one that refused") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"});
  config.pools[0].hedge.after = 50ms;
  config.timeouts.connect = 2s;
  Bench bench(std::move(config));
  for (const auto& endpoint : bench.path.snapshot().pools[0].endpoints)
    endpoint->conduct.set_suspect_after(1s);
  PlayedTransport client, quiet, refusing, third, last;
  bench.accept(client);
  bench.runtime.next = {&quiet};
  bench.runtime.read(client, kGet);
  bench.runtime.next = {&refusing};
  bench.runtime.pass(60ms);
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.refused();
  bench.runtime.next = {&third};
  bench.runtime.pass(600ms);
  REQUIRE(bench.runtime.connects.size() == 3);
  bench.runtime.next = {&last};
  bench.runtime.refused();
  REQUIRE(bench.runtime.connects.size() == 4);
  CHECK(bench.runtime.connects[3] == bench.runtime.connects[0]);
}

TEST_CASE(
    "a node that takes nothing of a body is suspect, and one that takes some of it, or has all, is not") {
  Blamed blamed(one_pool({"127.0.0.1:1"}));
  Endpoint& node = *blamed.bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  node.conduct.set_suspect_after(1s);
  blamed.bench.ask(blamed.client, blamed.first,
                   "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900000\r\n\r\n");
  blamed.bench.runtime.pass(5s);  // the client is to send
  CHECK_FALSE(node.node->state().suspect);
  SECTION("nothing") {
    blamed.first.takes = false;
    blamed.first.in_kernel = 5000;
    blamed.bench.runtime.read(blamed.client, std::string(1000, 'x'));
    for (int i = 0; i < 9; ++i) blamed.bench.runtime.pass(100ms);
    CHECK_FALSE(node.node->state().suspect);
    for (int i = 0; i < 13; ++i) blamed.bench.runtime.pass(100ms);
    CHECK(node.node->state().suspect);
  }
  SECTION("some of it") {
    blamed.first.takes = false;
    blamed.bench.runtime.read(blamed.client, std::string(1000, 'x'));
    for (int i = 0; i < 10; ++i) {
      blamed.first.in_kernel = 5000 - 10 * i;
      blamed.bench.runtime.pass(900ms);
    }
    CHECK_FALSE(node.node->state().suspect);
  }
  SECTION("all that there is") {
    blamed.bench.runtime.read(blamed.client, std::string(1000, 'x'));
    blamed.bench.runtime.pass(9s);
    CHECK_FALSE(node.node->state().suspect);
  }
}

TEST_CASE("while Weir itself may not read, no node is suspect") {
  Blamed blamed(one_pool({"127.0.0.1:1"}));
  Endpoint& node = *blamed.bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  node.conduct.set_suspect_after(1s);
  blamed.bench.ask(blamed.client, blamed.first, kGet);
  blamed.bench.counts.overload = 3;
  blamed.bench.runtime.pass(1100ms);
  CHECK_FALSE(node.node->state().suspect);
  blamed.bench.counts.overload = 2;
  blamed.bench.runtime.pass(900ms);
  CHECK_FALSE(node.node->state().suspect);
  blamed.bench.runtime.pass(200ms);
  CHECK(node.node->state().suspect);
}

TEST_CASE("connections that end at a node at a time are one end, unless it says something in between") {
  Blamed blamed;
  Conduct& node = blamed.bench.path.snapshot().pools[0].endpoints[0]->conduct;
  const base::Time now = blamed.bench.runtime.now() + 1h;
  CHECK(node.note_lost(now));
  CHECK_FALSE(node.note_lost(now));
  CHECK_FALSE(node.note_lost(now + 49ms));
  CHECK(node.note_lost(now + 60ms));
  CHECK_FALSE(node.note_lost(now + 70ms));
  node.hear(now + 75ms);
  CHECK(node.note_lost(now + 80ms));
}

}  // namespace weir::core
