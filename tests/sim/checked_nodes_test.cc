// The prober in virtual time: when each kind of failure is noticed, what it is called, and when its node is
// back. The network is calm and jitter is off where times are exact; a timer fires on its tick of 10 ms.
#include "tests/sim/checked_world.h"
#include "tests/unit/catch.h"

namespace weir::sim {
namespace {

using balancer::Health;

// A world whose only node has just answered a check, so that the next one is due in exactly an interval.
struct Steady : CheckedWorld {
  explicit Steady(SimRules rules = SimRules::calm()) : CheckedWorld(1, rules) {}
  void settle() {
    watch();
    until(0, Health::up);
    until_asked(0, 2);  // the first interval is a random part of it
    run(0s);
  }
  // From the latest good check until the node is down, and why.
  std::pair<base::Duration, std::string> fails() {
    const auto span = until(0, Health::down);
    return {span, reason(0)};
  }
};

using Noticed = std::pair<base::Duration, std::string>;

}  // namespace

TEST_CASE("the first check is made at once, and its pass brings the node up") {
  CheckedWorld world(1);
  world.watch();
  CHECK(world.word(0) == Health::awaited);
  CHECK_FALSE(world.endpoint(0).node->eligible());
  CHECK(world.until(0, Health::up) == 0s);
  CHECK(world.reason(0) == "GET /healthz answered 200");
  CHECK(world.endpoint(0).history.checks_passed() == 1);
  CHECK(world.nodes[0]->requests[0] ==
        "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1:8000\r\nUser-Agent: weir-health-check\r\n"
        "Connection: close\r\n\r\n");
}

TEST_CASE("checks come at the interval") {
  Steady world;
  world.settle();
  for (int i = 0; i < 5; ++i) CHECK(world.until_asked(0, 1) == 2s);
}

TEST_CASE("a node that answers wrongly is down after fall checks: the interval, at once, then fast") {
  Steady world;
  world.settle();
  SimNode& node = *world.nodes[0];
  // 2 s until the next check, the second one at once, the third 400 ms after the second.
  const base::Duration soon = 2400ms;
  SECTION("status") {
    node.say(503);
    CHECK(world.fails() == Noticed{soon, "GET /healthz answered 503 (3 of 3 checks failed)"});
  }
  SECTION("a redirect") {
    node.say(302);
    CHECK(world.fails() == Noticed{soon, "GET /healthz answered 302 (3 of 3 checks failed)"});
  }
  SECTION("closes") {
    node.be(Conduct::closing);
    CHECK(world.fails() ==
          Noticed{soon, "GET /healthz: the node closed the connection (3 of 3 checks failed)"});
  }
  SECTION("resets") {
    node.be(Conduct::resetting);
    CHECK(world.fails() ==
          Noticed{soon, "GET /healthz: the node reset the connection (3 of 3 checks failed)"});
  }
  SECTION("is cut") {
    node.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok";
    CHECK(world.fails() ==
          Noticed{soon,
                  "GET /healthz: the node closed the connection inside the answer (3 of 3 checks failed)"});
  }
  SECTION("is no HTTP") {
    node.answer = GENERATE(as<std::string>(), "SSH-2.0-OpenSSH_9.2p1\r\n", "\x15\x03\x03", "<html>");
    CHECK(world.fails() ==
          Noticed{soon, "GET /healthz answered malformed HTTP (not HTTP) (3 of 3 checks failed)"});
  }
  SECTION("is cut in its head") {
    node.answer = "HTTP/1.1 200 OK\r\nContent-Le";
    CHECK(world.fails() == Noticed{soon,
                                   "GET /healthz: the node closed the connection inside its answer's head "
                                   "(3 of 3 checks failed)"});
  }
  SECTION("is endless") {
    node.be(Conduct::endless);
    CHECK(world.fails() == Noticed{soon, "GET /healthz answered more than 1MiB (3 of 3 checks failed)"});
  }
  SECTION("is refused") {
    world.world.set_fate(node.address, SimWorld::Fate::refused);
    CHECK(world.fails() == Noticed{soon, "connect refused (3 of 3 checks failed)"});
  }
  CHECK_FALSE(world.endpoint(0).node->eligible());
  CHECK(world.endpoint(0).history.went_down() == 1);
}

TEST_CASE("a node that is too slow is down after fall timeouts") {
  Steady world;
  world.settle();
  SimNode& node = *world.nodes[0];
  // 2 s until the next check, and three that take 1 s each, one right after the other.
  const base::Duration late = 5s;
  SECTION("says nothing") {
    node.be(Conduct::silent);
    CHECK(world.fails() == Noticed{late, "GET /healthz was not answered within 1s (3 of 3 checks failed)"});
  }
  SECTION("drips") {
    node.be(Conduct::dripping);
    CHECK(world.fails() ==
          Noticed{late, "GET /healthz was not answered to its end within 1s (3 of 3 checks failed)"});
  }
  SECTION("drips its body") {
    node.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    node.be(Conduct::dripping);
    world.health().timeout = 4500ms;
    world.watch();
    CHECK(world.until(0, Health::down) > 3 * 4s);
    CHECK(world.reason(0) == "GET /healthz was not answered to its end within 4500ms (3 of 3 checks failed)");
  }
  SECTION("is not there") {
    world.world.set_fate(node.address, SimWorld::Fate::black_hole);
    CHECK(world.fails() == Noticed{late, "connect timed out after 1s (3 of 3 checks failed)"});
  }
}

TEST_CASE("a down node is checked fast, and is back after rise passes in a row") {
  Steady world;
  world.settle();
  world.nodes[0]->say(500);
  world.fails();
  for (int i = 0; i < 3; ++i) CHECK(world.until_asked(0, 1) == 400ms);
  world.nodes[0]->say(200);
  CHECK(world.until(0, Health::up) == 800ms);
  CHECK(world.reason(0) == "2 of 2 checks passed");
  CHECK(world.endpoint(0).node->eligible());
  CHECK(world.until_asked(0, 1) <= 2010ms);  // any part of the interval, then the interval again
  CHECK(world.until_asked(0, 1) == 2s);
}

TEST_CASE("flapping between a failure and a pass is no transition") {
  Steady world;
  world.settle();
  world.nodes[0]->follow("--+");
  world.run(2min);
  CHECK(world.endpoint(0).history.checks_failed() > 80);
  CHECK(world.word(0) == Health::up);
  CHECK(world.endpoint(0).history.went_down() == 0);
}

TEST_CASE("a down node that flaps stays down") {
  Steady world;
  world.settle();
  world.nodes[0]->say(500);
  world.fails();
  world.nodes[0]->follow("+-");
  world.run(2min);
  CHECK(world.endpoint(0).history.checks_passed() > 100);
  CHECK(world.word(0) == Health::down);
  CHECK(world.endpoint(0).history.went_up() == 1);
}

TEST_CASE("what is asked and expected is the pool's to say") {
  CheckedWorld world(1);
  config::HttpCheck& http = *world.health().http;
  http.target = "/status?full=1";
  http.method = "POST";
  http.host = "app.internal";
  http.headers = {{"X-Probe", "weir"}, {"user-agent", "mine"}};
  http.expect = {{404, 404}, {500, 599}};
  http.body = "it is all well";
  SimNode& node = *world.nodes[0];
  node.answer =
      "HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nit is a\r\n7\r\nll well\r\n0\r\n\r\n";
  world.watch();
  world.until(0, Health::up);
  CHECK(world.last_check(0) == "POST /status answered 404");
  CHECK(node.requests[0] ==
        "POST /status?full=1 HTTP/1.1\r\nHost: app.internal\r\nX-Probe: weir\r\nuser-agent: mine\r\n"
        "Connection: close\r\nContent-Length: 0\r\n\r\n");
  node.answer = "HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nsick";
  world.until(0, Health::down);
  CHECK(world.reason(0) == "POST /status answered 500 without the expected text (3 of 3 checks failed)");
}

TEST_CASE("another port is checked where the pool says so") {
  CheckedWorld world(1);
  io::Address beside = world.nodes[0]->address;
  beside.port = 9000;
  SimNode other(world.world, world.servers, beside);
  world.health().port = 9000;
  world.watch();
  world.until(0, Health::up);
  CHECK(world.nodes[0]->asked.empty());
  CHECK(other.requests[0].find("Host: 10.0.0.1:8000\r\n") != std::string::npos);
}

TEST_CASE("a TCP check connects, and says nothing") {
  CheckedWorld world(1);
  world.health().http.reset();
  world.nodes[0]->be(Conduct::silent);
  world.watch();
  CHECK(world.until(0, Health::up) == 0s);
  CHECK(world.last_check(0) == "connected");
  world.until_asked(0, 1);
  CHECK(world.nodes[0]->requests.empty());
  SECTION("refused") {
    world.world.set_fate(world.nodes[0]->address, SimWorld::Fate::refused);
    CHECK(world.until(0, Health::down) == 2400ms);
    CHECK(world.reason(0) == "connect refused (3 of 3 checks failed)");
  }
  SECTION("nobody there") {
    world.world.set_fate(world.nodes[0]->address, SimWorld::Fate::black_hole);
    CHECK(world.until(0, Health::down) == 5s);
    CHECK(world.reason(0) == "connect timed out after 1s (3 of 3 checks failed)");
  }
}

}  // namespace weir::sim
