// One check after the other, as its owner asks for them.
#include "proxy/core/health_check.h"

#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

// Begins the next check as soon as one has ended, up to `most`.
struct Eager final : CheckHandler {
  Eager(config::Health health, int most_checks) : plan(std::move(health)), most(most_checks) {}
  void begin() { check.begin(plan, *io::Address::parse("127.0.0.1:1"), "a.test", scratch, tls_scratch); }
  void on_checked(CheckResult result) override {
    results.push_back(std::move(result.text));
    verdict = result.verdict;
    if (static_cast<int>(results.size()) < most) begin();
  }

  StillRuntime runtime;
  codec::Scratch scratch;
  tls::Scratch tls_scratch;
  CheckPlan plan;
  const int most;
  std::vector<std::string> results;
  balancer::Verdict verdict{};  // of the latest
  HealthCheck check{runtime, *this};
};

}  // namespace

TEST_CASE("another check may begin as one ends") {
  PlayedTransport first, second;
  config::Health health;
  const bool http = GENERATE(true, false);
  if (http) health.http.emplace().target = "/healthz";
  Eager eager(health, 2);
  eager.runtime.next = {&first, &second};
  eager.begin();
  eager.runtime.connected();
  if (http) eager.runtime.read(first, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  CHECK(first.released);
  CHECK(eager.check.under_way());
  CHECK_FALSE(second.released);
  eager.runtime.pass(health.timeout);
  CHECK(second.released);
  REQUIRE(eager.results.size() == 2);
  CHECK(eager.results[0] == (http ? "GET /healthz answered 503" : "connected"));
  CHECK(eager.results[1] == "connect timed out after 1s");
  eager.runtime.end_turn();
}

TEST_CASE("that no connection comes about is a hard verdict, but where another port is asked") {
  const std::uint16_t port = GENERATE(0, 9000);
  config::Health health;
  health.port = port;
  PlayedTransport node;
  Eager eager(health, 1);
  eager.runtime.next = {&node};
  eager.begin();
  eager.runtime.refused();
  REQUIRE(eager.results.size() == 1);
  CHECK(eager.verdict == (port == 0 ? balancer::Verdict::hard : balancer::Verdict::soft));
}

}  // namespace weir::core
