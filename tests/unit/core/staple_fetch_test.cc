// Authorities are asked about certificates, and again in time; whatever they answer.
#include "proxy/core/staple_fetch.h"

#include "proxy/tls/staple_book.h"
#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"
#include "tests/unit/tls/authority.h"

namespace weir::core {

namespace {

using namespace std::chrono_literals;

struct FetchBench {
  FetchBench() { fetch.want({certificate}); }
  ~FetchBench() { fetch.want({}); }

  std::int64_t now() const { return runtime.wall_ms() / 1000; }
  bool stapled() const { return certificate->staple(now()) != nullptr; }
  // A turn in which the name is resolved and the connection made.
  void connect(PlayedTransport& to) {
    runtime.next = {&to};
    REQUIRE(runtime.answer_lookup);
    std::exchange(runtime.answer_lookup, nullptr)(std::vector<io::Ip>{*io::Ip::parse("127.0.0.1")});
    runtime.end_turn();
    runtime.connected();
  }
  void answer(PlayedTransport& from, const std::string& body, const std::string& status = "200 OK") {
    runtime.read(from, "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                           "\r\n\r\n" + body);
  }
  std::string good(base::Duration holds) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(holds).count();
    return tls::said({.from = now() - 10, .until = now() + seconds});
  }
  bool asks_within(base::Duration span) {
    const std::size_t before = runtime.lookups.size();
    runtime.pass(span);
    return runtime.lookups.size() > before;
  }

  StillRuntime runtime;
  const std::shared_ptr<const tls::Certificate> certificate =
      *tls::Certificate::load({.cert = tls::authority_file("leaf.pem"),
                               .key = tls::authority_file("leaf.key"),
                               .stapling = tls::Stapling::fetch});
  StapleFetch fetch{runtime};
};

}  // namespace

TEST_CASE("the responder is asked by POST, and what it says is served") {
  PlayedTransport responder;
  FetchBench bench;
  bench.runtime.pass(1ms);
  CHECK(bench.runtime.lookups == std::vector<std::string>{"ocsp.test"});
  CHECK_FALSE(bench.stapled());
  bench.connect(responder);
  CHECK(bench.runtime.connects == std::vector<std::string>{"127.0.0.1:8080"});
  CHECK(responder.written.starts_with("POST /status?x=1 HTTP/1.1\r\n"));
  CHECK(responder.written.find("Host: ocsp.test:8080\r\n") != std::string::npos);
  CHECK(responder.written.find("Content-Type: application/ocsp-request\r\n") != std::string::npos);
  bench.answer(responder, bench.good(10h));
  CHECK(bench.stapled());
}

TEST_CASE("it is asked again at half of the time, once a day at least, and the staple ends with its time") {
  for (const auto& [holds, again] :
       {std::pair<base::Duration, base::Duration>{10h, 5h}, {240h, 24h}, {10s, 1min}}) {
    PlayedTransport responder;
    FetchBench bench;
    bench.runtime.pass(1ms);
    bench.connect(responder);
    bench.answer(responder, bench.good(holds));
    CHECK(bench.stapled());
    CHECK_FALSE(bench.asks_within(again - 5s));
    CHECK(bench.asks_within(10s));
    CHECK(bench.stapled() == (holds > again));
  }
}

TEST_CASE(
    "after an error it is asked later and later, and what it said before is served for as long as it holds") {
  std::deque<PlayedTransport> responders;
  FetchBench bench;
  bench.runtime.pass(1ms);
  bench.connect(responders.emplace_back());
  bench.answer(responders.back(), bench.good(10h));
  CHECK(bench.asks_within(5h + 5s));
  bench.connect(responders.emplace_back());
  bench.answer(responders.back(), "no", "500 Internal Server Error");
  CHECK(bench.stapled());
  for (const base::Duration wait : {1min, 2min, 4min}) {
    CHECK_FALSE(bench.asks_within(wait - 2s));
    CHECK(bench.asks_within(4s));
    bench.connect(responders.emplace_back());
    bench.answer(responders.back(),
                 tls::said({.of = "mute", .from = bench.now(), .until = bench.now() + 100}));
    CHECK(bench.stapled());
  }
  for (int i = 0; i < 8; ++i) {
    CHECK(bench.asks_within(1h + 5s));
    std::exchange(bench.runtime.answer_lookup, nullptr)(base::unexpected(std::string("no such name")));
    bench.runtime.end_turn();
  }
  CHECK_FALSE(bench.stapled());
}

TEST_CASE("of a responder with several addresses, each has its turn") {
  PlayedTransport responder;
  FetchBench bench;
  const auto resolve = [&] {
    REQUIRE(bench.runtime.answer_lookup);
    std::exchange(bench.runtime.answer_lookup,
                  nullptr)(std::vector<io::Ip>{*io::Ip::parse("127.0.0.1"), *io::Ip::parse("127.0.0.2")});
    bench.runtime.end_turn();
  };
  bench.runtime.pass(1ms);
  PlayedTransport deaf;
  bench.runtime.next = {&deaf};
  resolve();
  bench.runtime.refused();
  CHECK_FALSE(bench.stapled());
  CHECK(bench.asks_within(1min + 1s));
  bench.runtime.next = {&responder};
  resolve();
  bench.runtime.connected();
  CHECK(bench.runtime.connects == std::vector<std::string>{"127.0.0.1:8080", "127.0.0.2:8080"});
  bench.answer(responder, bench.good(10h));
  CHECK(bench.stapled());
}

TEST_CASE("what does not answer, answers too much or says that it is revoked brings no staple") {
  for (const int kind : {0, 1, 2, 3}) {
    PlayedTransport responder;
    FetchBench bench;
    bench.runtime.pass(1ms);
    if (kind == 0) {
      bench.runtime.pass(StapleFetch::kTimeout + 1s);  // nor does its name
    } else {
      bench.connect(responder);
      if (kind == 1) bench.runtime.pass(StapleFetch::kTimeout + 1s);
      if (kind == 2) bench.answer(responder, std::string(StapleFetch::kMostBytes + 1, 'x'));
      if (kind == 3)
        bench.answer(
            responder,
            tls::said({.status = V_OCSP_CERTSTATUS_REVOKED, .from = bench.now(), .until = bench.now() + 99}));
    }
    INFO(kind);
    CHECK_FALSE(bench.stapled());
    CHECK(bench.asks_within(1min + 1s));
  }
}

TEST_CASE("a certificate that goes takes its question, and its staple, with it") {
  PlayedTransport responder;
  FetchBench bench;
  bench.runtime.pass(1ms);
  bench.connect(responder);
  bench.fetch.want({});
  bench.runtime.end_turn();
  CHECK(responder.released);
  CHECK_FALSE(bench.asks_within(100h));
  bench.fetch.want({bench.certificate});
  CHECK(bench.asks_within(1ms));
  bench.fetch.want({bench.certificate, bench.certificate});  // by two listeners
  CHECK_FALSE(bench.asks_within(1ms));
  const auto late = std::exchange(bench.runtime.answer_lookup, nullptr);
  bench.fetch.want({});
  late(std::vector<io::Ip>{*io::Ip::parse("127.0.0.1")});  // nobody is there to hear it
  CHECK(bench.runtime.connects.size() == 1);
}

}  // namespace weir::core
