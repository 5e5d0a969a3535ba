// An exchange as a trace sees it: what the node is told, and the spans that come out.
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using base::Reason;
using observe::Span;

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = "b7ad6b7169203331";

std::string get(const std::string& fields = "") {
  return "GET /p?q HTTP/1.1\r\nHost: a.test:81\r\nUser-Agent: test\r\n" + fields + "\r\n";
}

std::string context(const std::string& flags) {
  return "traceparent: 00-" + kTrace + "-" + kParent + "-" + flags + "\r\ntracestate: a=1\r\n";
}

config::Config traced(std::vector<std::string> nodes, std::uint32_t one_in = 1) {
  config::Config config = one_pool(std::move(nodes));
  config.tracing.emplace();
  config.tracing->one_in = one_in;
  return config;
}

// The value of a field that the node got; "" for none, "twice" for several.
std::string field(const PlayedTransport& node, const std::string& name) {
  const std::size_t at = node.written.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  if (node.written.find("\r\n" + name + ": ", at + 1) != std::string::npos) return "twice";
  const std::size_t begin = at + name.size() + 4;
  return node.written.substr(begin, node.written.find("\r\n", begin) - begin);
}

std::string traceparent(const Span& span) {
  return "00-" + base::hex(span.trace) + "-" + base::hex(span.id) + "-01";
}

std::int64_t ms(std::int64_t since_begin) {
  return StillRuntime::kWallAtZero + (1000 + since_begin) * 1'000'000;  // the loop begins a second after zero
}

// Those of the exchanges that are over, as after a second.
std::vector<Span>& spans(Bench& bench) {
  bench.runtime.pass(2s);
  return bench.taken.spans;
}

}  // namespace

TEST_CASE("an exchange is a span, and its attempt one below it") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.pass(10ms);
  bench.runtime.next = {&node};
  bench.runtime.read(client, get());
  bench.runtime.pass(20ms);
  bench.runtime.connected();
  bench.runtime.pass(30ms);
  bench.runtime.read(node, kOk);
  REQUIRE(spans(bench).size() == 2);
  const Span &attempt = bench.taken.spans[0], &exchange = bench.taken.spans[1];

  CHECK(exchange.kind == Span::Kind::server);
  CHECK(exchange.trace);
  CHECK(exchange.parent == 0);
  CHECK(exchange.begin_ns == ms(10));
  CHECK(exchange.end_ns == ms(60));
  CHECK(exchange.method == "GET");
  CHECK(exchange.scheme == "http");
  CHECK(exchange.host == "a.test:81");
  CHECK(exchange.target == "/p?q");
  CHECK(exchange.user_agent == "test");
  CHECK(exchange.protocol == "1.1");
  CHECK(exchange.route == "default");
  CHECK(exchange.pool == "app");
  CHECK(exchange.node == "127.0.0.1:1");
  CHECK(exchange.status == 200);
  CHECK(exchange.reason == Reason::none);

  CHECK(attempt.kind == Span::Kind::client);
  CHECK(attempt.trace == exchange.trace);
  CHECK(attempt.parent == exchange.id);
  CHECK(attempt.id != exchange.id);
  CHECK(attempt.begin_ns == ms(10));
  CHECK(attempt.end_ns == ms(60));
  CHECK(attempt.attempt == 1);
  CHECK(attempt.pool == "app");
  CHECK(attempt.node == "127.0.0.1:1");
  CHECK(attempt.status == 200);
  CHECK(field(node, "traceparent") == traceparent(attempt));
}

TEST_CASE("off, nothing is touched and nothing comes out") {
  PlayedTransport client, node;
  Bench bench(one_pool({"127.0.0.1:1"}));
  bench.accept(client);
  const bool given = GENERATE(true, false);
  bench.ask(client, node, get(given ? "TraceParent: x\r\nTracestate: y\r\n" : ""));
  bench.runtime.read(node, kOk);
  CHECK(spans(bench).empty());
  CHECK(field(node, "TraceParent") == (given ? "x" : ""));
  CHECK(field(node, "Tracestate") == (given ? "y" : ""));
  CHECK(field(node, "traceparent").empty());
}

TEST_CASE("the caller's trace, state and decision go on") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}, 1'000'000));
  bench.accept(client);
  bench.ask(client, node, get(context("01")));
  bench.runtime.read(node, kOk);
  REQUIRE(spans(bench).size() == 2);
  CHECK(base::hex(bench.taken.spans[1].trace) == kTrace);
  CHECK(base::hex(bench.taken.spans[1].parent) == kParent);
  CHECK(bench.taken.spans[1].state == "a=1");
  CHECK(field(node, "traceparent") == traceparent(bench.taken.spans[0]));
  CHECK(field(node, "tracestate") == "a=1");
}

TEST_CASE("what is not sampled is told so to the node, and to nobody else") {
  PlayedTransport client, node;
  const bool given = GENERATE(true, false);
  Bench bench(traced({"127.0.0.1:1"}, given ? 1 : 1'000'000));
  bench.accept(client);
  bench.ask(client, node, get(given ? context("00") : ""));
  bench.runtime.read(node, kOk);
  CHECK(spans(bench).empty());
  CHECK(field(node, "traceparent").size() == 55);
  CHECK(field(node, "traceparent").ends_with("-00"));
  if (given) CHECK(field(node, "traceparent").starts_with("00-" + kTrace));
  CHECK(field(node, "traceparent").find(kParent) == std::string::npos);
}

TEST_CASE("each try is a span with its own id, node and end") {
  PlayedTransport client, first, second;
  Bench bench(traced({"127.0.0.1:1", "127.0.0.1:2"}));
  bench.accept(client);
  bench.ask(client, first, get(context("01")));
  bench.runtime.pass(10ms);
  bench.runtime.next = {&second};
  bench.runtime.read_error(first);
  bench.runtime.pass(10ms);
  bench.runtime.connected();
  bench.runtime.read(second, kOk);
  REQUIRE(spans(bench).size() == 3);
  const Span &lost = bench.taken.spans[0], &answered = bench.taken.spans[1], &whole = bench.taken.spans[2];
  CHECK(field(first, "traceparent") == traceparent(lost));
  CHECK(field(second, "traceparent") == traceparent(answered));
  CHECK(lost.id != answered.id);
  CHECK(lost.parent == whole.id);
  CHECK(answered.parent == whole.id);
  CHECK(lost.node != answered.node);
  CHECK(whole.node == answered.node);
  CHECK(lost.attempt == 1);
  CHECK(answered.attempt == 2);
  CHECK(lost.end_ns == ms(10));
  CHECK(answered.begin_ns == ms(10));
  CHECK(answered.end_ns == ms(20));
  CHECK(lost.reason == Reason::upstream_reset);
  CHECK_FALSE(lost.detail.empty());
  CHECK(lost.status == 0);
  CHECK(answered.reason == Reason::none);
  CHECK(whole.reason == Reason::none);
}

TEST_CASE("a connection that could not be made is an attempt; one for which Weir had no descriptor is not") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}));
  bench.accept(client);
  bench.runtime.read(client, get());
  SECTION("refused") {
    bench.runtime.connecting->on_connect_failed(
        {.reason = Reason::connect_refused, .fault = base::Fault::upstream});
    bench.runtime.end_turn();
    REQUIRE(spans(bench).size() == 2);
    CHECK(bench.taken.spans[0].reason == Reason::connect_refused);
    CHECK(bench.taken.spans[1].reason == Reason::connect_refused);
    CHECK(bench.taken.spans[1].status == 502);
  }
  SECTION("no descriptor, for a while") {
    bench.runtime.no_descriptor();
    bench.runtime.next = {&node};
    bench.runtime.pass(30ms);
    bench.runtime.connected();
    bench.runtime.read(node, kOk);
    REQUIRE(spans(bench).size() == 2);
    CHECK(bench.taken.spans[0].attempt == 1);
    CHECK(bench.taken.spans[0].begin_ns > ms(0));
  }
}

TEST_CASE("a try that was left because its node was quiet says which that was") {
  PlayedTransport client, node, other;
  Bench bench(traced({"127.0.0.1:1", "127.0.0.1:2"}));
  for (const char* each : {"127.0.0.1:1", "127.0.0.1:2"})
    bench.nodes.find("app", io::Address::parse(each).value())
        ->conduct.set_suspect_after(std::chrono::milliseconds(250));
  bench.accept(client);
  bench.runtime.next = {&node, &other};
  bench.runtime.read(client, get());
  bench.runtime.pass(std::chrono::milliseconds(260));
  REQUIRE(bench.runtime.connects.size() == 2);
  bench.runtime.connected();
  bench.runtime.read(other, kOk);
  REQUIRE(spans(bench).size() == 3);
  CHECK(bench.taken.spans[0].node == bench.runtime.connects[0]);
  CHECK(bench.taken.spans[1].node == bench.runtime.connects[1]);
}

TEST_CASE("an answer of Weir's own has no attempt below it") {
  PlayedTransport client;
  config::Config config = traced({});
  SECTION("no node") {}
  SECTION("no route") {
    config.routes.back().match.path = "/elsewhere";
  }
  const bool routed = config.routes.back().match.path.empty();
  Bench bench(std::move(config));
  bench.accept(client);
  bench.runtime.read(client, get());
  REQUIRE(spans(bench).size() == 1);
  CHECK(bench.taken.spans[0].reason == (routed ? Reason::no_node : Reason::no_route));
  CHECK(bench.taken.spans[0].status == (routed ? 503 : 404));
  CHECK(bench.taken.spans[0].route == (routed ? "default" : ""));
  CHECK(bench.taken.spans[0].node.empty());
}

TEST_CASE("an exchange says how long it waited in the queue, however that ended") {
  config::Config config = traced({"127.0.0.1:1"});
  config.pools[0].max_in_flight = 1;
  PlayedTransport first, second, third, node;
  Bench bench(std::move(config));
  bench.accept(first);
  bench.accept(second);
  bench.accept(third);
  bench.ask(first, node, get());
  bench.runtime.read(second, get());
  bench.runtime.read(third, get());
  bench.runtime.pass(30ms);
  bench.runtime.read_error(third);
  bench.runtime.read(node, kOk);
  bench.runtime.deliver_mail();
  bench.runtime.read(node, kOk);
  std::vector<std::int64_t> waits;
  for (const Span& span : spans(bench))
    if (span.kind == Span::Kind::server) waits.push_back(span.queued_ns / 1'000'000);
  CHECK(waits == std::vector<std::int64_t>{30, 0, 30});
}

TEST_CASE("whatever ends an exchange ends both of its spans") {
  PlayedTransport client, node;
  config::Config config = traced({"127.0.0.1:1"});
  config.timeouts.response = 1s;
  Bench bench(std::move(config));
  bench.accept(client);
  bench.ask(client, node, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
  Reason reason = Reason::none;
  int told = 0, answered = 0;
  SECTION("the node is silent") {
    bench.runtime.pass(1100ms);
    reason = Reason::response_timeout;
    told = 504;
  }
  SECTION("the client goes") {
    bench.runtime.read_error(client);
    reason = Reason::client_gone;
  }
  SECTION("the node ends inside its answer") {
    bench.runtime.read(node, "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf");
    bench.runtime.read_end(node);
    reason = Reason::upstream_truncated;
    told = answered = 201;
  }
  SECTION("the client goes inside the answer") {
    bench.runtime.read(node, "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nhalf");
    bench.runtime.read_error(client);
    reason = Reason::client_gone;
    told = answered = 201;
  }
  REQUIRE(spans(bench).size() == 2);
  CHECK(bench.taken.spans[0].reason == reason);
  CHECK(bench.taken.spans[0].status == answered);
  CHECK(bench.taken.spans[1].reason == reason);
  CHECK(bench.taken.spans[1].status == told);
}

TEST_CASE("an exchange that outlives its snapshot still knows where it went") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, get());
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
  bench.publish(one_pool({"127.0.0.1:2"}));
  bench.runtime.read(node, "lf");
  REQUIRE(spans(bench).size() == 2);
  for (const Span& span : bench.taken.spans) {
    CHECK(span.pool == "app");
    CHECK(span.node == "127.0.0.1:1");
  }
  CHECK(bench.taken.spans[1].route == "default");
}

TEST_CASE("what clients send is cut before it is kept") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node,
            "GET /" + std::string(5000, 'p') +
                " HTTP/1.1\r\nHost: a.test\r\nUser-Agent: " + std::string(5000, 'u') + "\r\n" +
                context("01") + "tracestate: " + std::string(1021, 's') + "\r\n\r\n");
  bench.runtime.read(node, kOk);
  REQUIRE(spans(bench).size() == 2);
  CHECK(bench.taken.spans[1].target == "/" + std::string(1023, 'p'));
  CHECK(bench.taken.spans[1].user_agent == std::string(1024, 'u'));
  CHECK(bench.taken.spans[1].state.empty());  // rather none than half of it
}

TEST_CASE("one exchange's context is not the next one's") {
  PlayedTransport client, node;
  Bench bench(traced({"127.0.0.1:1"}));
  bench.accept(client);
  bench.ask(client, node, get(context("01")));
  bench.runtime.read(node, kOk);
  node.take_written();
  bench.runtime.read(client, get());
  bench.runtime.read(node, kOk);
  REQUIRE(spans(bench).size() == 4);
  CHECK(base::hex(bench.taken.spans[3].trace) != kTrace);
  CHECK(bench.taken.spans[3].parent == 0);
  CHECK(field(node, "traceparent") == traceparent(bench.taken.spans[2]));
  CHECK(bench.taken.spans[2].attempt == 1);
}

TEST_CASE("spans leave within a second, or when the path ends") {
  PlayedTransport client, node;
  auto bench = std::make_unique<Bench>(traced({"127.0.0.1:1"}));
  bench->accept(client);
  bench->ask(client, node, get());
  bench->runtime.read(node, kOk);
  CHECK(bench->taken.spans.empty());
  bench->runtime.pass(1100ms);
  CHECK(bench->taken.spans.size() == 2);
}

TEST_CASE("how long it waited for a connection that may be made is in the record of an exchange") {
  config::Config config = traced({"127.0.0.1:1"});
  config.pools[0].nodes[0].max_connections = 1;
  config.pools[0].queue.timeout = 1s;
  PlayedTransport client, node;
  Bench bench(std::move(config));
  Endpoint& endpoint = *bench.nodes.find("app", io::Address::parse("127.0.0.1:1").value());
  REQUIRE(endpoint.connections.try_enter());
  REQUIRE(endpoint.pool->connections.try_enter());
  bench.accept(client);
  bench.runtime.read(client, kGet);
  SECTION("of one that is answered") {
    bench.runtime.pass(400ms);
    endpoint.connections.leave();
    endpoint.pool->connections.leave();
    bench.runtime.next = {&node};
    bench.counts.slots.tell_all();
    bench.runtime.deliver_mail();
    bench.runtime.connected();
    bench.runtime.pass(100ms);
    bench.runtime.read(node, kOk);
    REQUIRE(spans(bench).size() == 2);
    CHECK(std::chrono::nanoseconds(bench.taken.spans[1].queued_ns) == 400ms);
  }
  SECTION("of one that got none") {
    bench.runtime.pass(1010ms);
    CHECK(client.written.starts_with("HTTP/1.1 503 "));
    CHECK(std::chrono::nanoseconds(spans(bench).back().queued_ns) >= 1s);
  }
  SECTION("of one whose client has gone") {
    bench.runtime.pass(400ms);
    bench.runtime.read_error(client);
    CHECK(std::chrono::nanoseconds(spans(bench).back().queued_ns) == 400ms);
  }
}

}  // namespace weir::core
