// The data path of one worker on a loop that stands still: connections, exchanges and snapshots together.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kUpgrade =
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

void open_tunnel(Bench& bench, PlayedTransport& client, PlayedTransport& node) {
  bench.accept(client);
  bench.ask(client, node, kUpgrade);
  bench.runtime.read(node, kSwitch);
}

config::Config ten_seconds_for_bodies() {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.timeouts.body = 10s;
  config.timeouts.min_rate = 0;
  return config;
}

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

TEST_CASE("a connection that takes too long to be made is given up, and the next node is asked") {
  PlayedTransport client, late, node;
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.timeouts.connect = 2s;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.next = {&late, &node};
  bench.runtime.read(client, kGet);
  CHECK_FALSE(late.released);
  bench.runtime.pass(2100ms);
  CHECK(late.released);
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  CHECK(late.written.empty());
  CHECK(node.written.starts_with("GET / HTTP/1.1\r\n"));
}

TEST_CASE("a try that takes longer than timeouts.attempt is given up, and the next node is asked") {
  PlayedTransport client, silent, node;
  config::Config config = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  config.timeouts.attempt = 1s;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, silent, kGet);
  bench.runtime.next = {&node};
  bench.runtime.pass(900ms);
  CHECK_FALSE(silent.released);
  bench.runtime.pass(200ms);
  CHECK(silent.released);
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  bench.runtime.read(node, kOk);
  CHECK(client.written.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("a connection that is being made goes with the client that wanted it") {
  PlayedTransport client, late;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.next = {&late};
  bench.runtime.read(client, kGet);
  CHECK_FALSE(late.released);
  bench.runtime.read_error(client);
  CHECK(late.released);
}

TEST_CASE("what is in flight at a node that went is cut after drain_timeout") {
  PlayedTransport client, node;
  config::Config config = one_pool({"127.0.0.1:2"});
  config.drain_timeout = 10s;
  Bench bench(one_pool({"127.0.0.1:1"}));
  open_tunnel(bench, client, node);
  bench.publish(std::move(config));
  bench.runtime.pass(9s);
  CHECK_FALSE(node.released);
  bench.runtime.pass(2s);
  CHECK(node.released);
  CHECK(client.was_reset);
}

TEST_CASE(
    "a request that waits for a node that went is asked elsewhere when drain_timeout is over, or answered "
    "503") {
  const bool replayable = GENERATE(true, false);
  const bool connecting = GENERATE(true, false);
  PlayedTransport client, node, other;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.next = {&node};
  bench.runtime.read(client,
                     replayable ? kGet : "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
  if (!connecting) bench.runtime.connected();
  config::Config config = one_pool({"127.0.0.1:2"});
  config.drain_timeout = 1s;
  bench.publish(std::move(config));
  bench.runtime.next = {&other};
  bench.runtime.pass(1500ms);
  CHECK(node.released);
  if (!connecting && !replayable) {
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
    CHECK(client.written.find("drained") != std::string::npos);
  } else {
    CHECK(bench.runtime.connects.back() == "127.0.0.1:2");
    bench.runtime.connected();
    bench.runtime.read(other, kOk);
    CHECK(client.written.starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE("a node that cannot be reached from here costs nothing but the try, and is not judged by it") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  bench.accept(client);
  bench.runtime.read(client, kGet);
  REQUIRE(bench.runtime.connects.size() == 1);
  bench.runtime.next = {&node};
  bench.runtime.connecting->on_connect_failed({.reason = base::Reason::connect_refused,
                                               .fault = base::Fault::ourselves,
                                               .retry = base::Retry::not_processed,
                                               .detail = "no address"});
  bench.runtime.end_turn();
  REQUIRE(bench.runtime.connects.size() == 2);
  CHECK(bench.runtime.connects[0] != bench.runtime.connects[1]);
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

TEST_CASE("a request may end behind its answer's head, and behind another configuration") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node,
            "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n");
  node.handler->on_sent(node.written.size());
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nan");
  bench.publish(one_pool({"127.0.0.1:1"}));
  bench.runtime.read(client, "0\r\n\r\n");
  CHECK(node.written.ends_with("\r\n0\r\n\r\n"));
  bench.runtime.read(node, "sw");
  CHECK(client.written.ends_with("answ"));
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
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  bench.runtime.pass(40s);
  client.takes = false;
  bench.runtime.read(node, "data: x\n\n");
  bench.runtime.pass(5s);
  if (GENERATE(false, true)) bench.runtime.read(node, "data: y\n\n");  // which gives it no more
  bench.runtime.pass(3s);
  CHECK_FALSE(client.released);
  bench.runtime.pass(4s);
  CHECK(client.released);
}

TEST_CASE("an answer without a date gets that of its second") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kOk);
  CHECK(client.take_written().find("\r\nDate: Tue, 14 Nov 2023 22:13:21 GMT\r\n") != std::string::npos);
  bench.runtime.pass(59s);
  bench.runtime.read(client, kGet);
  bench.runtime.read(node, kOk);
  CHECK(client.take_written().find("\r\nDate: Tue, 14 Nov 2023 22:14:20 GMT\r\n") != std::string::npos);
}

TEST_CASE("what is refused before it has a route is answered with the whole of its reason") {
  PlayedTransport client;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.read(client, "GET / HTTP/1.1\r\n\r\n");
  const std::string answer = client.take_written();
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  const std::size_t end = answer.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  const std::string body = answer.substr(end + 4);
  CHECK(body.find("no Host") != std::string::npos);
  CHECK(answer.find("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") < end);
}

TEST_CASE("a client that stops inside its body is answered 408") {
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
  bench.accept(client);
  bench.ask(client, node, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nbegin");
  bench.runtime.pass(9s);
  CHECK(client.written.empty());
  bench.runtime.pass(2s);
  CHECK(client.written.starts_with("HTTP/1.1 408 "));
  CHECK(node.released);
}

TEST_CASE("a client that sends but does not take its answer is cut") {
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
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

TEST_CASE("interim heads give no more time to a node that takes nothing of the request") {
  config::Config config = ten_seconds_for_bodies();
  config.timeouts.response = 10s;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.next = {&node};
  bench.runtime.read(client, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\n");
  bench.runtime.connected();
  node.takes = false;
  bench.runtime.read(client, "begin");
  for (int i = 0; i < 8 && !node.released; ++i) {
    bench.runtime.read(node, "HTTP/1.1 103 Early Hints\r\n\r\n");
    bench.runtime.pass(5s);
  }
  CHECK(client.written.find("HTTP/1.1 504 ") != std::string::npos);
}

TEST_CASE("interim heads are relayed from the first attempt, and from no other") {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  PlayedTransport client, first, second;
  Bench bench(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  bench.accept(client);
  bench.ask(client, first, kGet);
  SECTION("from the first") {
    bench.runtime.read(first, hints);
    CHECK(client.written.starts_with("HTTP/1.1 103 "));
  }
  SECTION("from no other") {
    bench.runtime.next = {&second};
    bench.runtime.read_error(first);
    bench.runtime.connected();
    bench.runtime.read(second, hints);
    CHECK(client.written.empty());
    bench.runtime.read(second, kOk);
    CHECK(client.written.starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE("a client that sends its body without waiting to be told is the one that is waited for") {
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
  bench.accept(client);
  bench.ask(client, node,
            "PUT / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  bench.runtime.read(client, "begin");
  bench.runtime.pass(9s);
  CHECK(client.written.empty());
  bench.runtime.pass(2s);
  CHECK(client.written.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a client that sends the frame of its body only is alive") {
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
  bench.accept(client);
  bench.ask(client, node, "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const std::string_view piece : {"5", ";a", "=b", "\r\n"}) {
    bench.runtime.pass(6s);
    bench.runtime.read(client, piece);
  }
  bench.runtime.pass(6s);
  CHECK(client.written.empty());
  bench.runtime.pass(6s);
  CHECK(client.written.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("what a node says on an idle connection tells how long it keeps one") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  const auto endpoint = bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, kOk);
  const base::Duration idle = GENERATE(0ms, 5000ms);
  bench.runtime.pass(idle);
  bench.runtime.read(node, "HTTP/1.1 408 Request Timeout\r\n\r\n");
  CHECK(node.released);
  const base::Duration limit = endpoint->learned.idle_limit(bench.runtime.now());
  CHECK(limit == (idle == 0ms ? base::Duration::max() : base::Duration(4500ms)));  // a tenth less
}

TEST_CASE("of a node that went nothing is kept once its last request is over") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  const std::weak_ptr<Endpoint> gone = bench.nodes.get("app", io::Address::parse("127.0.0.1:1").value(), 1);
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.publish(one_pool({"127.0.0.1:2"}));
  bench.nodes.drop_unused();
  CHECK_FALSE(gone.expired());
  bench.runtime.read(node, kOk);
  bench.publish(one_pool({"127.0.0.1:3"}));
  bench.nodes.drop_unused();
  CHECK(gone.expired());
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

TEST_CASE("a client that takes what the kernel has for it is not silent") {
  PlayedTransport client, node;
  Bench bench(ten_seconds_for_bodies());
  bench.accept(client);
  bench.ask(client, node, kGet);
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + std::string(100'000, 'x'));
  client.in_kernel = 50'000;
  client.takes = false;
  bench.runtime.read(node, std::string(1000, 'x'));
  for (int i = 0; i < 10; ++i) {
    bench.runtime.pass(4s);
    client.in_kernel -= 1000;
  }
  CHECK_FALSE(client.released);
  for (int i = 0; i < 5; ++i) bench.runtime.pass(4s);
  CHECK(client.released);
}

TEST_CASE("a tunnel to a node that takes nothing more ends as it would without Weir") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  open_tunnel(bench, client, node);
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

TEST_CASE("a tunnel whose node takes nothing more lets its client go on, so that it hears of it") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  open_tunnel(bench, client, node);
  node.takes = false;
  bench.runtime.read(client, std::string(100000, 'x'));
  CHECK(client.paused);
  bench.runtime.read_end(node);
  bench.runtime.write_error(node);
  CHECK_FALSE(client.paused);
  bench.runtime.read(client, "more");
  CHECK(client.was_reset);
  CHECK(node.released);
}

TEST_CASE("what a node said before it took nothing more still reaches the client of its tunnel") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  open_tunnel(bench, client, node);
  bench.runtime.write_error(node);
  bench.runtime.read(client, std::string(1000, 'x'));
  bench.runtime.read(node, "bye");
  bench.runtime.read_end(node);
  CHECK(client.written.ends_with("bye"));
  CHECK_FALSE(client.was_reset);
  bench.runtime.read_end(client);
  CHECK(node.released);
}

TEST_CASE("a node that says all it has to say first still gets the rest of its tunnel") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  open_tunnel(bench, client, node);
  bench.runtime.read_end(node);
  node.takes = false;
  bench.runtime.read(client, "the rest");
  bench.runtime.read_end(client);
  CHECK_FALSE(node.released);
  CHECK(node.write_ended);
  SECTION("and takes it") {
    node.waiting = 0;
    node.handler->on_sent(8);
    bench.runtime.end_turn();
  }
  SECTION("or does not, for ten seconds") {
    bench.runtime.pass(9s);
    CHECK_FALSE(node.released);
    bench.runtime.pass(2s);
  }
  CHECK(node.released);
  CHECK_FALSE(node.was_reset);
}

TEST_CASE("what a tunnel's node has yet to take is not cut short for who waits for its connection") {
  PlayedTransport client, other, node, next;
  config::Config config = one_pool({"127.0.0.1:1"});
  config.pools[0].nodes[0].max_connections = 1;
  Bench bench(std::move(config));
  open_tunnel(bench, client, node);
  bench.runtime.read_end(node);
  node.takes = false;
  bench.runtime.read(client, "the rest");
  bench.runtime.read_end(client);
  bench.accept(other);
  bench.runtime.next = {&next};
  bench.runtime.read(other, kGet);
  CHECK_FALSE(node.released);
  node.waiting = 0;
  node.handler->on_sent(8);
  bench.runtime.end_turn();
  bench.runtime.deliver_mail();
  CHECK(node.released);
  CHECK(bench.runtime.connects.size() == 2);
}

TEST_CASE("an answer that is cut takes no whole answer along that the client has yet to take") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  client.takes = false;
  bench.ask(client, node, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  bench.runtime.read(node, "HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\nok");
  bench.runtime.read(node, "HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\no");
  bench.runtime.read_end(node);
  CHECK(client.write_ended);
  CHECK_FALSE(client.released);
  CHECK_FALSE(client.was_reset);
  // The client takes it all, and goes.
  client.handler->on_sent(std::exchange(client.waiting, 0));
  bench.runtime.end_turn();
  bench.runtime.read_end(client);
  CHECK(client.released);
}

// Each kept connection that its node has closed costs a try that is not counted; at most one goes before each
// that is.
TEST_CASE("after a kept connection that was dead, the next node too is asked over a new one") {
  PlayedTransport client, kept[2], fresh;
  Bench bench(one_pool({"127.0.0.1:80", "127.0.0.2:80"}));
  bench.accept(client);
  for (PlayedTransport& node : kept) {
    bench.ask(client, node, kGet);
    bench.runtime.read(node, kOk);
    node.take_written();
  }
  bench.runtime.read(client, kGet);
  PlayedTransport& used = kept[0].written.empty() ? kept[1] : kept[0];
  PlayedTransport& other = kept[0].written.empty() ? kept[0] : kept[1];
  REQUIRE_FALSE(used.written.empty());
  bench.runtime.read_end(used);
  bench.runtime.next = {&fresh};
  bench.runtime.refused();
  CHECK(other.written.empty());
  REQUIRE(bench.runtime.connects.size() == 4);
  CHECK(bench.runtime.connects[3] != bench.runtime.connects[2]);
  bench.runtime.connected();
  CHECK_FALSE(fresh.written.empty());
}

}  // namespace weir::core
