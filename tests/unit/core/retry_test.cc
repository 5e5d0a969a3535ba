// What an exchange does between two tries: answers that are dropped, pauses, the budget.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
const std::string kPut = "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";
const std::string kPost = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";
constexpr base::Duration kLongestPause = 40ms;  // of the first retry, and a timer's tick

std::string busy_until(std::string_view retry_after) {
  return "HTTP/1.1 503 Busy\r\nRetry-After: " + std::string(retry_after) + "\r\nContent-Length: 0\r\n\r\n";
}

config::Config two_nodes() {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.pools[0].retry.backoff = 25ms;
  return config;
}

PoolShare& share_of(Bench& bench) {
  return bench.nodes.pool_shared("app")->counts.of(0);
}

// A request at the first of two nodes, and a connection for the second.
struct TwoNodes {
  explicit TwoNodes(config::Config config = two_nodes()) : bench(std::move(config)) { bench.accept(client); }
  void ask(std::string_view request) {
    bench.ask(client, first, request);
    bench.runtime.next = {&second};
  }
  void pass_pause() {
    bench.runtime.pass(kLongestPause);
    if (bench.runtime.connects.size() > 1) bench.runtime.connected();
  }

  PlayedTransport client, first, second;
  Bench bench;
};

}  // namespace

TEST_CASE("an answer that is listed is dropped, and the next node's is what the client gets") {
  TwoNodes two;
  two.ask(kGet);
  two.bench.runtime.read(two.first, kBusy);
  CHECK(two.client.written.empty());
  two.pass_pause();
  CHECK(two.bench.runtime.connects[0] != two.bench.runtime.connects[1]);
  CHECK(two.second.written.starts_with("GET / "));
  two.bench.runtime.read(two.second, kOk);
  CHECK(two.client.written.starts_with("HTTP/1.1 200 "));
  CHECK_FALSE(two.first.released);  // its connection serves on
  CHECK(share_of(two.bench).retries.get() == 1);
}

TEST_CASE("the end of a dropped answer may come while the next node is tried") {
  TwoNodes two;
  two.ask(kGet);
  two.bench.runtime.read(two.first, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu");
  two.bench.runtime.read(two.first, "sy");
  two.pass_pause();
  two.bench.runtime.read(two.second, kOk);
  CHECK(two.client.written.starts_with("HTTP/1.1 200 "));
  CHECK_FALSE(two.first.released);
}

TEST_CASE("a dropped answer that does not end keeps nobody waiting") {
  TwoNodes two;
  two.ask(kGet);
  SECTION("since it is long") {
    two.bench.runtime.read(two.first, "HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n");
    two.bench.runtime.read(two.first, std::string(65'536, 'x'));
    CHECK(two.first.released);
    two.pass_pause();
  }
  SECTION("since its node is silent") {
    two.bench.runtime.read(two.first, "HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n");
    two.pass_pause();
    CHECK(two.first.released);
  }
  SECTION("since its node resets it") {
    two.bench.runtime.read(two.first, "HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n");
    two.bench.runtime.read_error(two.first);
    two.pass_pause();
  }
  two.bench.runtime.read(two.second, kOk);
  CHECK(two.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an answer is relayed as it is") {
  SECTION("if its status is not listed") {
    TwoNodes two;
    two.ask(kGet);
    two.bench.runtime.read(two.first, "HTTP/1.1 500 -\r\nContent-Length: 0\r\n\r\n");
    CHECK(two.client.written.starts_with("HTTP/1.1 500 "));
  }
  SECTION("if none is listed") {
    config::Config config = two_nodes();
    config.routes[0].retry.statuses.emplace();
    TwoNodes two(std::move(config));
    two.ask(kGet);
    two.bench.runtime.read(two.first, kBusy);
    CHECK(two.client.written.starts_with("HTTP/1.1 503 "));
  }
  SECTION("if the request may be sent but once") {
    TwoNodes two;
    two.ask(kPost);
    two.bench.runtime.read(two.first, kBusy);
    CHECK(two.client.written.starts_with("HTTP/1.1 503 "));
    CHECK(share_of(two.bench).denied_attempts.get() == 0);
  }
  SECTION("if there is no attempt left") {
    config::Config config = two_nodes();
    config.pools[0].retry.attempts = 1;
    TwoNodes two(std::move(config));
    two.ask(kGet);
    two.bench.runtime.read(two.first, kBusy);
    CHECK(two.client.written.starts_with("HTTP/1.1 503 "));
    CHECK(share_of(two.bench).denied_attempts.get() == 1);
  }
  SECTION("if there is no other node") {
    PlayedTransport client, node;
    Bench bench(one_pool({"127.0.0.1:1"}));
    bench.accept(client);
    bench.ask(client, node, kGet);
    bench.runtime.read(node, kBusy);
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
    CHECK(client.written.ends_with("busy"));
  }
  SECTION("if the request would be over before the next try") {
    config::Config config = two_nodes();
    config.timeouts.request = 1ns;
    config.pools[0].retry.backoff = 10s;
    TwoNodes two(std::move(config));
    two.ask(kGet);
    two.bench.runtime.read(two.first, kBusy);
    CHECK(two.client.written.starts_with("HTTP/1.1 503 "));
  }
}

TEST_CASE("a request with an Idempotency-Key may be sent again, whatever its method") {
  TwoNodes two;
  two.ask("POST / HTTP/1.1\r\nHost: a.test\r\nidempotency-key: 7\r\nContent-Length: 2\r\n\r\nhi");
  SECTION("after an answer") {
    two.bench.runtime.read(two.first, kBusy);
  }
  SECTION("after the connection's end") {
    two.bench.runtime.read_end(two.first);
  }
  two.pass_pause();
  CHECK(two.second.written.ends_with("\r\n\r\nhi"));
}

TEST_CASE("an Idempotency-Key that says nothing allows nothing") {
  TwoNodes two;
  two.ask("POST / HTTP/1.1\r\nHost: a.test\r\nidempotency-key: \r\nContent-Length: 2\r\n\r\nhi");
  two.bench.runtime.read(two.first, kBusy);
  CHECK(two.client.written.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("the second of two bad answers is relayed where there are but two nodes") {
  TwoNodes two;
  two.ask(kGet);
  two.bench.runtime.read(two.first, kBusy);
  two.pass_pause();
  two.bench.runtime.read(two.second, "HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad");
  CHECK(two.client.written.starts_with("HTTP/1.1 502 "));
  CHECK(two.client.written.ends_with("bad"));
}

TEST_CASE("a node that says when to come again is asked again then, if that is soon and no other is there") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  SECTION("soon") {
    node.take_written();
    bench.runtime.read(node, busy_until("1"));
    bench.runtime.pass(990ms);
    CHECK(node.written.empty());
    bench.runtime.pass(20ms);
    CHECK(node.written.starts_with("GET / "));
    bench.runtime.read(node, kOk);
    CHECK(client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("late") {
    bench.runtime.read(node, busy_until("2"));
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
  }
}

TEST_CASE("another node need not wait for what a node says of itself") {
  TwoNodes two;
  two.ask(kGet);
  two.bench.runtime.read(two.first, busy_until("60"));
  two.pass_pause();
  CHECK(two.second.written.starts_with("GET / "));
}

TEST_CASE("an answer that breaks off before its final head is asked of another node") {
  const std::string early = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const std::string before =
      GENERATE_COPY(as<std::string>(), "HTTP/1.1 200 OK\r\nContent-Le", early, early + "HTTP/1.1 2");
  const bool is_reset = GENERATE(false, true);
  INFO(before << (is_reset ? " and a reset" : " and an end"));
  const auto break_off = [&](TwoNodes& two) {
    two.bench.runtime.read(two.first, before);
    is_reset ? two.bench.runtime.read_error(two.first) : two.bench.runtime.read_end(two.first);
  };
  TwoNodes two;
  two.ask(kGet);
  break_off(two);
  two.pass_pause();
  REQUIRE(two.second.written.starts_with("GET / "));
  two.bench.runtime.read(two.second, kOk);
  CHECK(two.client.written.starts_with(before.starts_with(early) ? "HTTP/1.1 103 " : "HTTP/1.1 200 "));
  CHECK(two.client.written.ends_with("ok"));
  TwoNodes unrepeatable;
  unrepeatable.ask(kPost);
  break_off(unrepeatable);
  CHECK(unrepeatable.client.written.find("HTTP/1.1 502 ") != std::string::npos);
}

TEST_CASE("429 is retried only where it is listed") {
  const std::string many = "HTTP/1.1 429 -\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
  TwoNodes usual;
  usual.ask(kGet);
  usual.bench.runtime.read(usual.first, many);
  CHECK(usual.client.written.starts_with("HTTP/1.1 429 "));
  config::Config config = two_nodes();
  config.pools[0].retry.statuses = {429};
  TwoNodes listed(std::move(config));
  listed.ask(kGet);
  listed.bench.runtime.read(listed.first, many);
  listed.pass_pause();
  CHECK(listed.second.written.starts_with("GET / "));
}

TEST_CASE("what the budget does not pay for is answered as it is, and counted") {
  config::Config config = two_nodes();
  config.pools[0].retry.budget = 1;
  config.pools[0].retry.backoff = base::Duration::zero();
  PlayedTransport client, nodes[2];
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.next = {&nodes[0], &nodes[1]};
  int tries = 0;
  std::size_t connected = 0;
  for (int request = 0; request < 40; ++request) {
    bench.runtime.read(client, kGet);
    for (int step = 0; step < 10 && client.written.empty(); ++step) {
      if (connected < bench.runtime.connects.size()) ++connected, bench.runtime.connected();
      for (PlayedTransport& node : nodes)
        if (!node.take_written().empty()) ++tries, bench.runtime.read(node, kBusy);
    }
    CHECK(client.take_written().starts_with("HTTP/1.1 503 "));
  }
  CHECK(tries == 70);
  CHECK(share_of(bench).retries.get() == 30);
  CHECK(share_of(bench).denied_budget.get() == 10);
}

TEST_CASE("a body that is still coming goes to the next node whole") {
  TwoNodes two;
  two.ask("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nab");
  two.bench.runtime.read(two.first, kBusy);
  two.bench.runtime.read(two.client, "cd");
  two.pass_pause();
  two.bench.runtime.read(two.client, "ef");
  CHECK(two.second.written.ends_with("\r\n\r\nabcdef"));
  CHECK(two.first.released);  // it had not all of the request
}

TEST_CASE("a request that may be sent again leaves a node that says nothing in its time, for one other") {
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"});
  config.timeouts.response = 1s;
  SECTION("which answers") {
    TwoNodes two(std::move(config));
    two.ask(kPut);
    two.bench.runtime.pass(990ms);
    CHECK_FALSE(two.first.released);
    two.bench.runtime.pass(20ms);
    CHECK(two.first.released);
    two.pass_pause();
    CHECK(two.second.written.ends_with("\r\n\r\nhi"));
    two.bench.runtime.read(two.second, kOk);
    CHECK(two.client.written.starts_with("HTTP/1.1 200 "));
    CHECK(share_of(two.bench).retries.get() == 1);
  }
  SECTION("before it has told the client to go on") {
    config.pools[0].request_buffer = 0;
    TwoNodes two(std::move(config));
    two.ask("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    two.bench.runtime.pass(1010ms);
    two.pass_pause();
    CHECK(two.second.written.starts_with("PUT / "));
    CHECK(two.client.written.starts_with("HTTP/1.1 100 "));
    two.bench.runtime.read(two.client, "hi");
    two.bench.runtime.read(two.second, kOk);
    CHECK(two.client.written.find("HTTP/1.1 200 ") != std::string::npos);
  }
  SECTION("and where that is silent, too, the request is slow") {
    TwoNodes two(std::move(config));
    two.ask(kPut);
    two.bench.runtime.pass(1010ms);
    two.pass_pause();
    two.bench.runtime.pass(1010ms);
    CHECK(two.client.written.starts_with("HTTP/1.1 504 "));
    CHECK(two.bench.runtime.connects.size() == 2);
  }
}

TEST_CASE("a node's silence is the end of a request") {
  config::Config config = two_nodes();
  config.timeouts.response = 1s;
  std::string request = kPut;
  std::string_view said;
  SECTION("that may not be sent again") {
    request = kPost;
  }
  SECTION("of which it has said something") {
    said = "HTTP/1.1 103 Early\r\n\r\n";
  }
  SECTION("for which there is no other node") {
    config.pools[0].nodes.pop_back();
  }
  SECTION("that has one try") {
    config.pools[0].retry.attempts = 1;
  }
  TwoNodes two(std::move(config));
  two.ask(request);
  two.bench.runtime.pass(100ms);
  two.bench.runtime.read(two.first, said);
  two.bench.runtime.pass(1010ms);
  two.bench.runtime.pass(kLongestPause);
  CHECK(two.client.written.find("HTTP/1.1 504 ") != std::string::npos);
  CHECK(two.bench.runtime.connects.size() == 1);
}

TEST_CASE("a client that goes in the pause between two tries leaves nothing behind") {
  TwoNodes two;
  two.ask(kGet);
  two.bench.runtime.read(two.first, kBusy);
  two.bench.runtime.read_error(two.client);
  two.bench.runtime.pass(1s);
  CHECK(two.bench.runtime.connects.size() == 1);
}

// A node that has worked on the request for a while, and then ends its kept connection without an answer.
TEST_CASE(
    "a kept connection that ends long after the request came is a try that failed, and costs no budget") {
  Bench bench(one_pool({"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}));
  PlayedTransport clients[3], kept[3], fresh[3], client;
  for (int i = 0; i < 3; ++i) {
    bench.accept(clients[i]);
    bench.ask(clients[i], kept[i], kGet);
  }
  for (PlayedTransport& node : kept) {
    bench.runtime.read(node, kOk);
    node.take_written();
  }
  bench.accept(client);
  bench.runtime.next = {&fresh[0], &fresh[1], &fresh[2]};
  bench.runtime.read(client, kGet);
  int asked = 0;
  for (int round = 0; round < 12 && client.written.empty(); ++round) {
    PlayedTransport* at = nullptr;
    for (PlayedTransport* each : {&kept[0], &kept[1], &kept[2], &fresh[0], &fresh[1], &fresh[2]})
      if (!each->written.empty()) at = each;
    if (at == nullptr) {
      bench.runtime.connected();
      continue;
    }
    ++asked;
    at->take_written();
    bench.runtime.pass(200ms);
    bench.runtime.read_end(*at);
  }
  CHECK(asked == 3);
  std::uint64_t failures = 0;
  for (const auto& endpoint : bench.path.snapshot().pools[0].endpoints)
    failures += endpoint->counts.of(0).failures.get();
  CHECK(failures == 3);
  CHECK(share_of(bench).retries.get() == 0);
}

TEST_CASE("where kept connections end instead of answers another try costs the budget") {
  const bool many = GENERATE(true, false);
  CAPTURE(many);
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].retry.budget = 0;
  Bench bench(std::move(config));
  PlayedTransport client, kept, fresh;
  for (int i = 0; i < (many ? 30 : 29); ++i) share_of(bench).lost.add(bench.runtime.now());
  bench.accept(client);
  bench.ask(client, kept, kGet);
  bench.runtime.read(kept, kOk);
  client.take_written();
  bench.runtime.next = {&fresh};
  bench.runtime.read(client, kGet);
  bench.runtime.read_end(kept);
  CHECK(client.written.starts_with("HTTP/1.1 502") == many);
  CHECK(share_of(bench).denied_budget.get() == (many ? 1 : 0));
}

TEST_CASE("a node that says when to come again may be at its limit by the very request") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].nodes[0].max_in_flight = 1;
  Bench bench(std::move(config));
  PlayedTransport client, node;
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, busy_until("0"));
  bench.runtime.pass(kLongestPause);
  bench.runtime.deliver_mail();
  CHECK(client.written.empty());
  bench.runtime.read(node, kOk);
  CHECK(client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE(
    "an answer that is listed is dropped for a backup too, and for a node on probation, but for no suspect") {
  const auto second = GENERATE(as<std::string>(), "backup", "probation", "suspect");
  CAPTURE(second);
  config::Config config = two_nodes();
  config.pools[0].nodes[1].backup = second == "backup";
  TwoNodes two(std::move(config));
  balancer::Node& node = *two.bench.path.snapshot().pools[0].endpoints[1]->node;
  if (second == "probation") node.set_ejection(balancer::Ejection::probation);
  if (second == "suspect") node.suspect();
  if (second != "backup") {
    node.end_trial((two.bench.runtime.now() + 1h).time_since_epoch().count());
    two.bench.path.on_nodes_changed({{"app"}, {two.bench.path.snapshot().pools[0].endpoints[1]}});
  }
  two.ask(kGet);
  REQUIRE(two.bench.runtime.connects[0] == "127.0.0.1:1");
  two.bench.runtime.read(two.first, kBusy);
  two.pass_pause();
  CHECK(two.bench.runtime.connects.size() == (second == "suspect" ? 1 : 2));
}

TEST_CASE("a try that the budget does not pay for takes nobody's turn") {
  config::Config config = two_nodes();
  config.pools[0].retry.budget = 0;
  const bool hedges = GENERATE(true, false);
  if (hedges) config.pools[0].hedge.after = 20ms;
  PlayedTransport client, nodes[2];
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.next = {&nodes[0], &nodes[1]};
  int asked[2] = {};
  std::size_t connected = 0;
  for (int request = 0; request < 20; ++request) {
    bench.runtime.read(client, kGet);
    if (connected < bench.runtime.connects.size()) ++connected, bench.runtime.connected();
    const int at = nodes[0].take_written().empty() ? 1 : 0;
    ++asked[at];
    if (hedges) bench.runtime.pass(30ms);
    nodes[1].take_written();
    bench.runtime.read(nodes[at], at == 0 ? kBusy : kOk);
    CHECK(client.take_written().starts_with(at == 0 ? "HTTP/1.1 503 " : "HTTP/1.1 200 "));
  }
  CHECK(asked[0] == 10);
  CHECK(asked[1] == 10);
  CHECK(share_of(bench).denied_budget.get() > 0);
}

TEST_CASE("who finds no node waits for a moment, if one that is out for what requests showed may be back") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  balancer::Node& back = *bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1)->node;
  balancer::Node& other = *bench.nodes.get("app", io::Address::parse("127.0.0.1:2").value(), 1)->node;
  const auto told = [&] {
    NodeChanges changes;
    changes.pools.insert("app");
    bench.path.on_nodes_changed(changes);
    bench.runtime.deliver_mail();
  };
  back.eject(balancer::Verdict::hard);
  other.set_health(balancer::Health::down);
  bench.accept(client);
  bench.runtime.next = {&node};
  SECTION("and is served by it") {
    told();
    bench.runtime.read(client, kPost);
    bench.runtime.pass(100ms);
    CHECK(client.written.empty());
    back.readmit(balancer::Ejection::probation);
    told();
    bench.runtime.pass(60ms);
    REQUIRE(bench.runtime.connects.size() == 1);
    bench.runtime.connected();
    bench.runtime.read(node, kOk);
    CHECK(client.written.starts_with("HTTP/1.1 200 "));
  }
  SECTION("and hears that there is none") {
    told();
    bench.runtime.read(client, kPost);
    for (int i = 0; i < 5; ++i) bench.runtime.pass(52ms);
    CHECK(client.written.empty());
    for (int i = 0; i < 2; ++i) bench.runtime.pass(52ms);
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
  }
  SECTION("and not for one that an operator has taken down") {
    back.set_operator(balancer::Operator::down);
    told();
    bench.runtime.read(client, kPost);
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
  }
  SECTION("nor for one that it has tried") {
    back.readmit(balancer::Ejection::none);
    told();
    bench.runtime.read(client, kPost);
    back.eject(balancer::Verdict::hard);
    told();
    bench.runtime.refused();
    CHECK(client.written.starts_with("HTTP/1.1 502 "));
  }
}

}  // namespace weir::core
