// Host names: when they are looked up, and which answers count. On a clock that stands until it is moved,
// with lookups that the test answers.
#include "proxy/core/discovery.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/check.h"
#include "tests/unit/catch.h"

namespace weir::core {

namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::Time;
using Answer = base::Result<std::vector<io::Ip>, std::string>;

class ScriptedRuntime final : public io::Runtime {
 public:
  ScriptedRuntime() { wheel_.advance(now_); }

  struct Lookup {
    std::string host;
    Resolved done;
  };
  std::deque<Lookup> lookups;  // under way

  void sleep(Duration time) {
    now_ += time;
    wheel_.advance(now_);
  }

  Time read_clock() const override { return now_; }
  io::TimerWheel& timers() override { return wheel_; }
  void resolve(const std::string& host, Resolved done) override {
    lookups.push_back({host, std::move(done)});
  }
  base::Graveyard& graveyard() override { return graveyard_; }
  io::TransportPtr connect(const io::Address&, io::TransportHandler&) override { unasked(); }
  std::unique_ptr<io::Listener> listen(io::ListenSocket, io::AcceptHandler&) override { unasked(); }
  void defer(io::Deferred&) override { unasked(); }
  void touch(io::Flushable&) override { unasked(); }
  void post(std::function<void()>) override { unasked(); }

 private:
  [[noreturn]] static void unasked() {
    base::check_failed("discovery asks for names and the time only", __FILE__, __LINE__);
  }

  Time now_{1h};
  io::TimerWheel wheel_;
  base::Graveyard graveyard_;
};

config::Pool pool(std::vector<std::string> nodes, Duration interval) {
  config::Pool made;
  made.resolve_interval = interval;
  for (const std::string& node : nodes) {
    made.nodes.emplace_back();
    made.nodes.back().address = io::Address::parse(node).value();
  }
  return made;
}

config::Config with(std::vector<config::Pool> pools) {
  config::Config made;
  made.pools = std::move(pools);
  return made;
}

std::vector<io::Ip> ips(std::vector<std::string> texts) {
  std::vector<io::Ip> made;
  for (const std::string& text : texts) made.push_back(io::Ip::parse(text).value());
  return made;
}

struct Rig {
  ScriptedRuntime runtime;
  int changes = 0;
  Discovery discovery{runtime, [this] { ++changes; }};

  // Ends the oldest lookup.
  void answer(std::vector<std::string> texts) { end(Answer(ips(std::move(texts)))); }
  void fail() { end(base::unexpected(std::string("no such name"))); }
  void end(Answer answer) {
    WEIR_CHECK(!runtime.lookups.empty());
    ScriptedRuntime::Lookup lookup = std::move(runtime.lookups.front());
    runtime.lookups.pop_front();
    lookup.done(std::move(answer));
  }
  std::size_t asked() const { return runtime.lookups.size(); }
  // How long it takes until the next lookup begins, to a tick.
  Duration next_lookup() {
    Duration waited{};
    for (; runtime.lookups.empty() && waited < 10min; waited += io::TimerWheel::kTick)
      runtime.sleep(io::TimerWheel::kTick);
    return waited;
  }
  std::vector<io::Ip> known(const std::string& host) const {
    const auto found = discovery.names().find(host);
    return found == discovery.names().end() ? std::vector<io::Ip>{} : found->second;
  }
};

bool about(Duration time, Duration expected) {
  return time >= expected && time <= expected + 2 * io::TimerWheel::kTick;
}

}  // namespace

TEST_CASE("names are looked up at once, each once, and nothing else is") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80", "10.0.0.1:80", "a.test:81", "b.test:80", "unix:/tmp/x"}, 30s),
                            pool({"b.test:80"}, 5s)}));
  REQUIRE(rig.asked() == 2);
  CHECK(rig.runtime.lookups[0].host == "a.test");
  CHECK(rig.runtime.lookups[1].host == "b.test");
  CHECK(rig.discovery.names().empty());
  CHECK(rig.changes == 0);
}

TEST_CASE("an answer is known, and is asked for again after the interval") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 30s)}));
  rig.answer({"10.0.0.1", "::1"});
  CHECK(rig.known("a.test") == ips({"10.0.0.1", "::1"}));
  CHECK(rig.changes == 1);
  CHECK(about(rig.next_lookup(), 30s));
}

TEST_CASE("only one lookup of a name is under way, however long it takes") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 1s)}));
  rig.runtime.sleep(10min);
  CHECK(rig.asked() == 1);
  rig.answer({"10.0.0.1"});
  CHECK(about(rig.next_lookup(), 1s));
}

TEST_CASE("only what is new is news") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 1s)}));
  rig.answer({"10.0.0.1"});
  rig.next_lookup();
  rig.answer({"10.0.0.1"});
  CHECK(rig.changes == 1);
  rig.next_lookup();
  rig.answer({"10.0.0.2"});
  CHECK(rig.changes == 2);
  CHECK(rig.known("a.test") == ips({"10.0.0.2"}));
}

TEST_CASE("a name never resolved is asked for soon, then less and less often, at least at its interval") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 30s)}));
  for (Duration wait : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    rig.fail();
    CHECK(about(rig.next_lookup(), wait));
  }
  CHECK(rig.changes == 0);
  CHECK(rig.discovery.names().empty());
  rig.answer({"10.0.0.1"});
  CHECK(rig.known("a.test") == ips({"10.0.0.1"}));
  CHECK(about(rig.next_lookup(), 30s));
}

TEST_CASE("the wait after a failure is never longer than a short interval") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 3s)}));
  for (Duration wait : {1s, 2s, 3s, 3s}) {
    rig.fail();
    CHECK(about(rig.next_lookup(), wait));
  }
}

TEST_CASE("the last good answer is kept through failures, at the usual interval") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 5s)}));
  rig.answer({"10.0.0.1"});
  for (int i = 0; i < 3; ++i) {
    CHECK(about(rig.next_lookup(), 5s));
    rig.fail();
    CHECK(rig.known("a.test") == ips({"10.0.0.1"}));
  }
  CHECK(rig.changes == 1);
  rig.next_lookup();
  rig.answer({"10.0.0.2"});
  CHECK(rig.known("a.test") == ips({"10.0.0.2"}));
  CHECK(rig.changes == 2);
}

TEST_CASE("one name's failures are its own") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80", "b.test:80"}, 30s)}));
  rig.fail();
  rig.answer({"10.0.0.2"});
  CHECK(rig.known("a.test").empty());
  CHECK(rig.known("b.test") == ips({"10.0.0.2"}));
  CHECK(about(rig.next_lookup(), 1s));
  CHECK(rig.runtime.lookups.front().host == "a.test");
}

TEST_CASE("of two pools' intervals for a name the shorter counts") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 30s), pool({"a.test:81"}, 5s), pool({"a.test:82"}, 60s)}));
  rig.answer({"10.0.0.1"});
  CHECK(about(rig.next_lookup(), 5s));
}

TEST_CASE("a configuration's change leaves the names that stay alone") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80", "b.test:80"}, 5s)}));
  rig.answer({"10.0.0.1"});
  rig.answer({"10.0.0.2"});
  rig.discovery.watch(with({pool({"a.test:80", "c.test:80"}, 7s)}));
  REQUIRE(rig.asked() == 1);
  CHECK(rig.runtime.lookups[0].host == "c.test");
  CHECK(rig.known("a.test") == ips({"10.0.0.1"}));
  CHECK(rig.known("b.test").empty());
  rig.answer({"10.0.0.3"});
  rig.next_lookup();
  CHECK(rig.runtime.lookups.front().host == "a.test");
  rig.answer({"10.0.0.1"});
  rig.next_lookup();
  CHECK(rig.runtime.lookups.front().host == "c.test");
  rig.answer({"10.0.0.3"});
  rig.next_lookup();
  CHECK(rig.runtime.lookups.front().host == "a.test");
}

TEST_CASE("an answer to a name that is no longer wanted is nobody's") {
  Rig rig;
  rig.discovery.watch(with({pool({"a.test:80"}, 5s)}));
  rig.discovery.watch(with({}));
  rig.answer({"10.0.0.1"});
  CHECK(rig.discovery.names().empty());
  CHECK(rig.changes == 0);
}

TEST_CASE("an answer that comes after the end is nobody's") {
  ScriptedRuntime runtime;
  int changes = 0;
  {
    Discovery discovery(runtime, [&changes] { ++changes; });
    discovery.watch(with({pool({"a.test:80"}, 5s)}));
  }
  REQUIRE(runtime.lookups.size() == 1);
  runtime.lookups.front().done(Answer(ips({"10.0.0.1"})));
  CHECK(changes == 0);
}

TEST_CASE("answers from before are good until there are others, and count as asked") {
  ScriptedRuntime runtime;
  int changes = 0;
  Discovery discovery(
      runtime, [&] { ++changes; }, [] {},
      {{"app.test", ips({"10.0.0.1"})}, {"gone.test", ips({"10.0.0.9"})}});
  discovery.watch(with({pool({"app.test:80"}, 10s)}));
  CHECK(discovery.names() == ResolvedNames{{"app.test", ips({"10.0.0.1"})}});
  CHECK(discovery.all_asked());
  REQUIRE(runtime.lookups.size() == 1);
  runtime.lookups[0].done(base::unexpected(std::string("no answer")));
  CHECK(discovery.names().at("app.test") == ips({"10.0.0.1"}));
  CHECK(changes == 0);
}

}  // namespace weir::core
