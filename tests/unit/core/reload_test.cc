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
  explicit UnderWay(config::Config config) : bench(std::move(config)) {
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
  CHECK(request.next_node() == "127.0.0.1:2");
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
    CHECK(request.next_node() == "127.0.0.1:3");
  }
  SECTION("when all that are left have failed") {
    request.bench.publish(one_pool({"127.0.0.1:3"}));
    request.bench.runtime.read_end(request.first);
    CHECK(request.next_node() == "127.0.0.1:3");
    request.bench.runtime.read_end(request.second);
    CHECK(request.next_node() != other);
  }
}

TEST_CASE("no second try is begun at a node that was taken away") {
  config::Config hedged = one_pool({"127.0.0.1:1", "127.0.0.1:2"});
  hedged.pools[0].hedge.after = 500ms;
  config::Config later = one_pool({"127.0.0.1:3"});
  later.pools[0].hedge.after = 500ms;
  UnderWay request(hedged);
  SECTION("it is") {
    request.bench.publish(std::move(later));
    CHECK(request.next_node() == "none");
  }
  SECTION("it is not") {
    request.bench.publish(std::move(hedged));
    CHECK(request.next_node() != "none");
  }
}

TEST_CASE("a request whose route is gone goes by the configuration that it came under") {
  UnderWay request(one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  config::Config other = one_pool({"127.0.0.1:3"});
  other.routes[0].name = "other";
  request.bench.publish(std::move(other));
  request.bench.runtime.read_end(request.first);
  CHECK(request.next_node() != "127.0.0.1:3");
  request.bench.runtime.read(request.second, kOk);
  CHECK(request.client.written.starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a snapshot that a request went over from is let go of") {
  UnderWay request(one_pool({"127.0.0.1:1"}));
  const auto first = request.bench.publish(one_pool({"127.0.0.1:2"}));
  request.bench.runtime.read_end(request.first);
  CHECK(request.next_node() == "127.0.0.1:2");
  const auto second = request.bench.publish(one_pool({"127.0.0.1:3"}));
  CHECK_FALSE(first.expired());
  request.bench.runtime.read_end(request.second);
  CHECK(request.next_node() == "127.0.0.1:3");
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
