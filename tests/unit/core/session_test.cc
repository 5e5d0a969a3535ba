// Clients that are kept at their nodes by a cookie.
#include <chrono>
#include <deque>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kFirst = "127.0.0.1:1", kSecond = "127.0.0.1:2";

config::Config sticky_pool(std::vector<std::string> nodes = {std::string(kFirst), std::string(kSecond)}) {
  config::Config config = one_pool(std::move(nodes));
  config.pools.back().sticky.emplace();
  config.pools.back().sticky->secret = "sixteen-letters-or-more";
  config.drain_timeout = 10s;
  return config;
}

// What outlives the bench.
struct Played {
  PlayedTransport& another() { return transports.emplace_back(); }
  std::deque<PlayedTransport> transports;
  PlayedTransport client;
};

// A bench whose nodes answer as they are told, and a client that comes again.
struct StickyBench : Played, Bench {
  explicit StickyBench(config::Config config = sticky_pool()) : Bench(std::move(config)) { accept(client); }
  Endpoint& endpoint(std::string_view node) {
    return *nodes.find("app", io::Address::parse(std::string(node)).value());
  }
  // Which cookie names the node, as "weir=...".
  std::string cookie_of(std::string_view node) {
    const StickyTokens tokens(*sticky_pool().pools.back().sticky, "sixteen-letters-or-more", "app", {node});
    const std::string_view cookie = tokens.cookie(0, StickyTokens::Secure::no);
    return std::string(cookie.substr(0, cookie.find(';')));
  }
  // Where the connection for a request with these cookies goes to; it is still to be made.
  std::string ask_with(const std::string& cookies, PlayedTransport& node, std::string_view method = "GET") {
    runtime.connects.clear();
    runtime.next.push_back(&node);
    std::string request = std::string(method) + " / HTTP/1.1\r\nHost: a.test\r\n";
    if (!cookies.empty()) request += "Cookie: " + cookies + "\r\n";
    runtime.read(client, request + "\r\n");
    return runtime.connects.empty() ? "" : runtime.connects.back();
  }
  std::string answer(PlayedTransport& node, std::string_view bytes = kOk) {
    runtime.connected();
    runtime.read(node, bytes);
    return client.take_written();
  }
  // Who answers the request with these cookies, and the cookie that its client gets.
  std::pair<std::string, std::string> serve(const std::string& cookies) {
    PlayedTransport& node = another();
    const std::string where = ask_with(cookies, node);
    const std::string got = answer(node, kCloses);
    CHECK(got.starts_with("HTTP/1.1 200 "));
    return {where, set_cookie(got)};
  }
  static std::string set_cookie(const std::string& answer) {
    const std::size_t at = answer.find("Set-Cookie: ");
    if (at == answer.npos) return "";
    const std::size_t begin = at + std::string_view("Set-Cookie: ").size();
    return answer.substr(begin, answer.find(';', begin) - begin);
  }
  const PoolShare& share() { return nodes.pool_shared("app")->counts.of(0); }
  std::uint64_t moved(policy::SessionVerdict why) {
    return share().sessions_moved[static_cast<std::size_t>(why)].get();
  }
  // The configuration that follows this one.
  void publish_after(const std::shared_ptr<const Snapshot>& before, config::Config config) {
    snapshot = std::make_shared<const Snapshot>(
        std::move(config), nodes, ResolvedNames{},
        Predecessor{before.get(), Predecessor::Leaving::dropped, runtime.now()});
    path.publish(snapshot);
    runtime.end_turn();
  }

  static constexpr std::string_view kCloses =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  using Served = std::pair<std::string, std::string>;
  std::shared_ptr<const Snapshot> snapshot;
};

using Served = StickyBench::Served;

}  // namespace

TEST_CASE("the first answer sets a cookie, with which all later requests go to its node") {
  StickyBench bench;
  const auto [node, cookie] = bench.serve("");
  CHECK(cookie == bench.cookie_of(node));
  for (int i = 0; i < 5; ++i) CHECK(bench.serve(cookie) == Served{node, ""});
  CHECK(bench.share().sessions_begun.get() == 1);
  CHECK(bench.share().sessions_kept.get() == 5);
}

TEST_CASE("the cookie that is set is no business of shared caches") {
  StickyBench bench;
  PlayedTransport &one = bench.another(), &two = bench.another();
  bench.ask_with("", one);
  CHECK(bench.answer(one, StickyBench::kCloses).find("Cache-Control: private\r\n") != std::string::npos);
  bench.endpoint(kFirst).node->set_operator(balancer::Operator::down);
  bench.ask_with("", two);
  const std::string secret =
      bench.answer(two, "HTTP/1.1 200 OK\r\nCache-Control: no-cache, No-Store\r\nContent-Length: 0\r\n\r\n");
  CHECK(secret.find("Set-Cookie: ") != std::string::npos);
  CHECK(secret.find("private") == std::string::npos);
}

TEST_CASE("nodes see the client's other cookies, and not that one") {
  StickyBench bench;
  PlayedTransport& node = bench.another();
  bench.ask_with("a=b; " + bench.cookie_of(kSecond) + "; c=d", node);
  bench.answer(node);
  CHECK(node.written.find("\r\nCookie: a=b; c=d\r\n") != std::string::npos);
  CHECK(node.written.find("weir=") == std::string::npos);
}

TEST_CASE("cookies that nobody made here do no harm") {
  StickyBench bench;
  const std::string good = bench.cookie_of(kSecond);
  for (const std::string& bad :
       {std::string("weir=x"), "weir=" + std::string(20'000, 'x'), std::string("weir="), good + "A"}) {
    const auto [node, cookie] = bench.serve(bad);
    CHECK(cookie == bench.cookie_of(node));
  }
  CHECK(bench.share().cookies_unknown.get() == 4);
  CHECK(bench.serve("weir=x; " + good) == Served{kSecond, ""});
  CHECK(bench.serve(good + "; " + bench.cookie_of(kFirst)) == Served{kSecond, ""});
  CHECK(bench.share().cookies_unknown.get() == 4);
}

TEST_CASE("a cookie that names a backup is known, and keeps nobody there") {
  config::Config config = sticky_pool();
  config.pools.back().nodes[1].backup = true;
  StickyBench bench(std::move(config));
  CHECK(bench.serve(bench.cookie_of(kSecond)) == Served{kFirst, bench.cookie_of(kFirst)});
  CHECK(bench.serve("weir=x; " + bench.cookie_of(kSecond)) == Served{kFirst, bench.cookie_of(kFirst)});
  CHECK(bench.serve(bench.cookie_of(kSecond) + "; " + bench.cookie_of(kFirst)) == Served{kFirst, ""});
  CHECK(bench.share().cookies_unknown.get() == 0);
  CHECK(bench.share().sessions_begun.get() == 2);
}

TEST_CASE("a node that drains keeps its clients until drain_timeout is over, and gets no others") {
  StickyBench bench;
  const std::string first = bench.cookie_of(kFirst), second = bench.cookie_of(kSecond);
  bench.endpoint(kFirst).begin_drain(bench.runtime.now());
  bench.endpoint(kFirst).node->set_operator(balancer::Operator::drain);
  for (int i = 0; i < 4; ++i) CHECK(bench.serve("") == Served{kSecond, second});
  bench.runtime.pass(9s);
  CHECK(bench.serve(first) == Served{kFirst, ""});
  bench.runtime.pass(1s);
  CHECK(bench.serve(first) == Served{kSecond, second});
  CHECK(bench.moved(policy::SessionVerdict::drained) == 1);
}

TEST_CASE("a node that was removed keeps its clients until drain_timeout is over, and gets no others") {
  StickyBench bench;
  const std::string first = bench.cookie_of(kFirst), second = bench.cookie_of(kSecond);
  bench.publish_after(nullptr, sticky_pool());
  bench.publish_after(bench.snapshot, sticky_pool({std::string(kSecond)}));
  for (int i = 0; i < 4; ++i) CHECK(bench.serve("") == Served{kSecond, second});
  CHECK(bench.serve(first) == Served{kFirst, ""});
  bench.runtime.pass(6s);
  SECTION("whatever else changes meanwhile") {
    bench.publish_after(bench.snapshot, sticky_pool({std::string(kSecond), "127.0.0.1:3"}));
    CHECK(bench.serve(first) == Served{kFirst, ""});
    bench.runtime.pass(4s);
    CHECK(bench.serve(first).first != kFirst);
    CHECK(bench.moved(policy::SessionVerdict::drained) == 1);
    bench.publish_after(bench.snapshot, sticky_pool({std::string(kSecond)}));
    CHECK(bench.snapshot->pools[0].parting.size() == 1);  // the third
    CHECK(bench.serve(first) == Served{kSecond, second});
    CHECK(bench.share().cookies_unknown.get() == 1);
  }
  SECTION("and for good if it comes back") {
    bench.publish_after(bench.snapshot, sticky_pool());
    CHECK(bench.snapshot->pools[0].parting.empty());
    bench.runtime.pass(20s);
    CHECK(bench.serve(first) == Served{kFirst, ""});
  }
  SECTION("but for those that fail there") {
    PlayedTransport &gone = bench.another(), &other = bench.another();
    CHECK(bench.ask_with(first, gone) == kFirst);
    bench.runtime.next.push_back(&other);
    bench.runtime.refused();
    CHECK(bench.set_cookie(bench.answer(other)) == second);
  }
}

TEST_CASE("a client of a removed node is cut with all others there when its time is over") {
  StickyBench bench;
  bench.publish_after(nullptr, sticky_pool());
  bench.publish_after(bench.snapshot, sticky_pool({std::string(kSecond)}));
  bench.runtime.pass(5s);
  PlayedTransport& node = bench.another();
  bench.ask_with(bench.cookie_of(kFirst), node);
  bench.runtime.connected();
  bench.runtime.read(node, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf");
  bench.runtime.pass(4s);
  CHECK_FALSE(node.released);
  bench.runtime.pass(2s);
  CHECK(node.released);
}

TEST_CASE("a node that is down or ejected loses its clients to another one at once") {
  StickyBench bench;
  balancer::Node& node = *bench.endpoint(kFirst).node;
  const std::string first = bench.cookie_of(kFirst);
  SECTION("its operator says so") {
    node.set_operator(balancer::Operator::down);
  }
  SECTION("its checks fail") {
    node.set_health(balancer::Health::down);
  }
  SECTION("it drains and its checks fail") {
    bench.endpoint(kFirst).begin_drain(bench.runtime.now());
    node.set_operator(balancer::Operator::drain);
    node.set_health(balancer::Health::down);
  }
  SECTION("its requests fail") {
    node.set_ejection(balancer::Ejection::ejected);
  }
  CHECK(bench.serve(first) == Served{kSecond, bench.cookie_of(kSecond)});
  CHECK(bench.moved(policy::SessionVerdict::down) + bench.moved(policy::SessionVerdict::ejected) == 1);
}

TEST_CASE("a node that fails a request loses its client to the one that answers it") {
  StickyBench bench;
  PlayedTransport &failed = bench.another(), &other = bench.another();
  CHECK(bench.ask_with(bench.cookie_of(kFirst), failed) == kFirst);
  bench.runtime.next.push_back(&other);
  SECTION("it refuses the connection") {
    bench.runtime.refused();
  }
  SECTION("it says nothing, and closes") {
    bench.runtime.connected();
    bench.runtime.read_end(failed);
  }
  SECTION("it answers what is to be retried") {
    bench.runtime.connected();
    bench.runtime.read(failed, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  }
  CHECK(bench.runtime.connects.back() == kSecond);
  CHECK(bench.set_cookie(bench.answer(other)) == bench.cookie_of(kSecond));
  CHECK(bench.moved(policy::SessionVerdict::failed) == 1);
}

TEST_CASE("a draining node whose kept connection is dead is asked over a fresh one") {
  StickyBench bench;
  PlayedTransport &kept = bench.another(), &fresh = bench.another();
  const std::string first = bench.cookie_of(kFirst);
  bench.ask_with(first, kept);
  bench.answer(kept);
  bench.runtime.connects.clear();
  bench.runtime.read(bench.client, "GET / HTTP/1.1\r\nHost: a.test\r\nCookie: " + first + "\r\n\r\n");
  CHECK(bench.runtime.connects.empty());
  bench.endpoint(kFirst).begin_drain(bench.runtime.now());
  bench.endpoint(kFirst).node->set_operator(balancer::Operator::drain);
  bench.runtime.next.push_back(&fresh);
  bench.runtime.read_end(kept);
  REQUIRE(bench.runtime.connects == std::vector<std::string>{std::string(kFirst)});
  CHECK(bench.set_cookie(bench.answer(fresh)).empty());
}

TEST_CASE("a client whose node is only slower than another one goes back to it") {
  config::Config config = sticky_pool();
  config.pools.back().hedge.after = 100ms;
  StickyBench bench(std::move(config));
  PlayedTransport &slow = bench.another(), &quick = bench.another();
  CHECK(bench.ask_with(bench.cookie_of(kFirst), slow) == kFirst);
  bench.runtime.connected();
  bench.runtime.next.push_back(&quick);
  bench.runtime.pass(110ms);
  CHECK(bench.runtime.connects.back() == kSecond);
  CHECK(bench.set_cookie(bench.answer(quick)).empty());
  CHECK(bench.serve(bench.cookie_of(kFirst)) == Served{kFirst, ""});
}

TEST_CASE("a client whose node is silent for the moment is still sent there") {
  StickyBench bench;
  bench.endpoint(kFirst).node->suspect();
  bench.publish_after(nullptr, sticky_pool());
  CHECK(bench.serve(bench.cookie_of(kFirst)) == Served{kFirst, ""});
}

TEST_CASE("without a secret one is drawn, which lives on from snapshot to snapshot") {
  config::Config config = sticky_pool();
  config.pools.back().sticky->secret.clear();
  StickyBench bench(config);
  const auto [node, cookie] = bench.serve("");
  CHECK(cookie != bench.cookie_of(node));
  config.pools.back().nodes.emplace_back();
  config.pools.back().nodes.back().address = io::Address::parse("127.0.0.1:3").value();
  bench.publish_after(nullptr, std::move(config));
  CHECK(bench.serve(cookie) == Served{node, ""});
}

}  // namespace weir::core
