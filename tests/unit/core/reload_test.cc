// What a request that is under way does with a configuration that comes into force meanwhile.
#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kFailed = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

// One request is at a node, and connections for two more tries are there.
struct UnderWay {
  explicit UnderWay(config::Config config, base::Duration suspect_after = 1h) : bench(std::move(config)) {
    const auto node = io::Address::parse("127.0.0.1:1").value();
    bench.nodes.get("app", node, 1)->conduct.set_suspect_after(suspect_after);
    bench.accept(client);
    bench.ask(client, first, kGet);
    bench.runtime.next = {&second, &third};
  }
  // Where the next connection goes to, which is made.
  std::string next_node() {
    const auto& connects = bench.runtime.connects;
    for (int i = 0; i < 10 && connects.size() == tries; ++i) bench.runtime.pass(100ms);
    if (connects.size() == tries) return "none";
    bench.runtime.connected();
    return connects[tries++];
  }

  PlayedTransport client, first, second, third;
  Bench bench;
  std::size_t tries = 1;
};

}  // namespace

TEST_CASE("a try that fails is followed by one at a node of the configuration that is in force") {
  UnderWay request(one_pool({"127.0.0.1:1"}));
  SECTION("of the same pool") {
    request.bench.publish(one_pool({"127.0.0.1:2"}));
  }
  SECTION("of the pool that its route leads to now") {
    config::Config green = one_pool({"127.0.0.1:1"});
    green.pools.push_back(one_pool({"127.0.0.1:2"}).pools[0]);
    green.pools.back().name = "green";
    green.routes[0].pool = "green";
    request.bench.publish(std::move(green));
  }
  SECTION("whatever came between") {
    request.bench.publish(one_pool({"127.0.0.1:3"}));
    request.bench.publish(one_pool({"127.0.0.1:2"}));
  }
  SECTION("though its own is still there") {
    request.bench.publish(one_pool({"127.0.0.1:2", "127.0.0.1:1"}));
  }
  SECTION("since it ended without an answer") {
    request.bench.publish(one_pool({"127.0.0.1:2"}));
    request.bench.runtime.read_end(request.first);
  }
  if (!request.first.released) request.bench.runtime.read(request.first, kFailed);
  REQUIRE(request.next_node() == "127.0.0.1:2");
  request.bench.runtime.read(request.second, kOk);
  CHECK(request.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("no try goes to a node that was taken away") {
  UnderWay request(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  const std::string other =
      request.bench.runtime.connects.back() == "127.0.0.1:1" ? "127.0.0.1:2" : "127.0.0.1:1";
  SECTION("when the first fails") {
    request.bench.publish(one_pool({"127.0.0.1:3"}));
    request.bench.runtime.read_end(request.first);
    REQUIRE(request.next_node() == "127.0.0.1:3");
  }
  SECTION("when all that are left have failed") {
    request.bench.publish(one_pool({"127.0.0.1:3"}));
    request.bench.runtime.read_end(request.first);
    REQUIRE(request.next_node() == "127.0.0.1:3");
    request.bench.runtime.read_end(request.second);
    CHECK(request.next_node() != other);
  }
}

TEST_CASE("a second try is begun at a node of the configuration that is in force") {
  const bool first_stays = GENERATE(true, false);
  config::Config before = one_pool({"127.0.0.1:1"});
  config::Config later = first_stays ? one_pool({"127.0.0.1:1", "127.0.0.1:2"}) : one_pool({"127.0.0.1:2"});
  before.routes[0].hedge = later.routes[0].hedge = config::Hedge{.after = 500ms};
  UnderWay request(std::move(before));
  request.bench.publish(std::move(later));
  REQUIRE(request.next_node() == "127.0.0.1:2");
  SECTION("the first answers after all") {
    request.bench.runtime.read(request.first, kOk);
    CHECK(request.second.released);
  }
  SECTION("the second does") {
    request.bench.runtime.read(request.second, kOk);
    CHECK(request.first.released);
  }
  SECTION("the first fails") {
    request.bench.runtime.read_end(request.first);
    request.bench.runtime.read(request.second, kOk);
  }
  SECTION("another configuration comes, and both fail") {
    request.bench.publish(one_pool({"127.0.0.1:3"}));
    request.bench.runtime.read_end(request.second);
    request.bench.runtime.read_end(request.first);
    REQUIRE(request.next_node() == "127.0.0.1:3");
    request.bench.runtime.read(request.third, kOk);
  }
  CHECK(request.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("who waits for a node that says nothing is helped by one that a reload has brought") {
  UnderWay request(one_pool({"127.0.0.1:1"}), 250ms);
  config::Config later = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  SECTION("the node stays") {}
  SECTION("the node is taken away") {
    later = one_pool({"127.0.0.1:2"});
  }
  request.bench.publish(std::move(later));
  REQUIRE(request.next_node() == "127.0.0.1:2");
  request.bench.runtime.read(request.second, kOk);
  CHECK(request.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a request whose time at a node is over goes to one that a reload has brought") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.routes[0].timeouts.response = 500ms;
  UnderWay request(config);
  config.pools[0].nodes[0].address = io::Address::parse("127.0.0.1:2").value();
  request.bench.publish(config);
  REQUIRE(request.next_node() == "127.0.0.1:2");
}

TEST_CASE("a request that no route takes any more is tried no more") {
  config::Config other = one_pool({"127.0.0.1:3"});
  other.routes[0].match.path = "/other";
  UnderWay request(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  request.bench.publish(std::move(other));
  SECTION("it is answered as its node left it") {
    request.bench.runtime.read_end(request.first);
    CHECK(request.client.written.starts_with("HTTP/1.1 502 "));
  }
  SECTION("its node's answer is its answer") {
    request.bench.runtime.read(request.first, kFailed);
    CHECK(request.client.written.ends_with("busy"));
  }
  CHECK(request.next_node() == "none");
}

TEST_CASE("a request whose client the route takes no more is tried no more") {
  config::Config config = one_pool({"127.0.0.1:1"});
  UnderWay request(config);
  config.pools[0].nodes[0].address = io::Address::parse("127.0.0.1:2").value();
  config.routes[0].access.allow.push_back(*io::IpPrefix::parse("203.0.113.0/24"));
  request.bench.publish(config);
  request.bench.runtime.read_end(request.first);
  CHECK(request.client.written.starts_with("HTTP/1.1 502 "));
  CHECK(request.next_node() == "none");
}

TEST_CASE("a node that comes back while a request is tried at it gets no second try of that") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.routes[0].hedge = config::Hedge{.after = 500ms};
  config::Config without = one_pool({"127.0.0.1:2"});
  UnderWay request(config);
  request.bench.publish(without);
  request.bench.runtime.pass(100ms);
  config.pools[0].nodes.push_back(without.pools[0].nodes[0]);
  request.bench.publish(config);
  CHECK(request.next_node() != "127.0.0.1:1");
}

TEST_CASE("a try goes by what its client called the host, and not by what nodes were told") {
  config::Config config = one_pool({"127.0.0.1:1"});
  config.routes[0].host = "old.test";
  config.routes[0].match.host = "a.test";
  UnderWay request(config);
  CHECK(request.first.written.find("Host: old.test\r\n") != std::string::npos);
  config.pools[0].nodes[0].address = io::Address::parse("127.0.0.1:2").value();
  config.routes[0].host.reset();
  request.bench.publish(config);
  request.bench.runtime.read_end(request.first);
  REQUIRE(request.next_node() == "127.0.0.1:2");
  CHECK(request.second.written.find("Host: a.test\r\n") != std::string::npos);
}

TEST_CASE("a snapshot that a request went over from is let go of") {
  UnderWay request(one_pool({"127.0.0.1:1"}));
  const auto first = request.bench.publish(one_pool({"127.0.0.1:2"}));
  request.bench.runtime.read_end(request.first);
  REQUIRE(request.next_node() == "127.0.0.1:2");
  const auto second = request.bench.publish(one_pool({"127.0.0.1:3"}));
  CHECK_FALSE(first.expired());
  request.bench.runtime.read_end(request.second);
  REQUIRE(request.next_node() == "127.0.0.1:3");
  CHECK(first.expired());
  request.bench.runtime.read(request.third, kOk);
  CHECK(request.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an answer is the client's where the configuration in force has no other node") {
  UnderWay request(one_pool({"127.0.0.1:1"}));
  request.bench.publish(one_pool({"127.0.0.1:1"}));
  request.bench.runtime.read(request.first, kFailed);
  CHECK(request.client.written.ends_with("busy"));
}

}  // namespace weir::core
