#include "proxy/io/timer.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tests/unit/catch.h"

namespace weir::io {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr base::Time kStart{std::chrono::hours(1000) + nanoseconds(1'234'567)};

struct Alarm final : TimerHandler {
  explicit Alarm(TimerWheel& wheel) : timer(wheel, *this) {}
  void on_timer() override {
    ++fired;
    then();
  }
  int fired = 0;
  std::function<void()> then = [] {};
  Timer timer;
};

// Does as a runtime does: sleeps until next(), then advances. Stops after `until`.
struct Loop {
  TimerWheel wheel;
  base::Time now = kStart;
  int wakes = 0;
  Loop() { wheel.advance(now); }
  void run(base::Time until) {
    while (wheel.next() <= until) {
      now = std::max(now, wheel.next());
      wheel.advance(now);
      ++wakes;
    }
    now = until;
  }
};

}  // namespace

TEST_CASE("no timer, no wake-up") {
  TimerWheel wheel;
  CHECK(wheel.next() == base::kNever);
  wheel.advance(kStart);
  CHECK(wheel.next() == base::kNever);
}

TEST_CASE("a timer fires once, not before its time and at most a tick after it") {
  for (const auto after :
       {nanoseconds(0), nanoseconds(1), nanoseconds(9'999'999), nanoseconds(10'000'000),
        nanoseconds(10'000'001), nanoseconds(std::chrono::seconds(75)), nanoseconds(std::chrono::hours(1))}) {
    Loop loop;
    Alarm alarm(loop.wheel);
    const base::Time at = kStart + after;
    alarm.then = [&] {
      CHECK(loop.now >= at);
      CHECK(loop.now <= at + TimerWheel::kTick);
    };
    alarm.timer.set(at);
    CHECK(alarm.timer.at() == at);
    loop.run(at + std::chrono::hours(2));
    CHECK(alarm.fired == 1);
    CHECK(alarm.timer.at() == base::kNever);
    CHECK(loop.wheel.next() == base::kNever);
  }
}

TEST_CASE("advance fires what is due at that very moment, within a tick too") {
  TimerWheel wheel;
  wheel.advance(kStart);
  Alarm due(wheel);
  Alarm not_yet(wheel);
  due.timer.set(kStart + milliseconds(3));
  not_yet.timer.set(kStart + milliseconds(3) + nanoseconds(1));
  wheel.advance(kStart + milliseconds(3));
  CHECK(due.fired == 1);
  CHECK(not_yet.fired == 0);
  wheel.advance(kStart + milliseconds(4));
  CHECK(not_yet.fired == 1);
}

TEST_CASE("a deadline that is pushed out is not moved until it would fire") {
  Loop loop;
  Alarm alarm(loop.wheel);
  for (int request = 0; request < 100'000; ++request)
    alarm.timer.set(loop.now + milliseconds(100 + request / 100));
  loop.run(kStart + milliseconds(1098));
  CHECK(alarm.fired == 0);
  CHECK(loop.wakes <= 2);
  loop.run(kStart + milliseconds(1120));
  CHECK(alarm.fired == 1);
}

TEST_CASE("a timer is pulled in") {
  Loop loop;
  Alarm alarm(loop.wheel);
  alarm.timer.set(kStart + std::chrono::hours(1));
  alarm.timer.set(kStart + milliseconds(50));
  loop.run(kStart + milliseconds(70));
  CHECK(alarm.fired == 1);
}

TEST_CASE("a cancelled timer does not fire; set again, it does") {
  Loop loop;
  Alarm alarm(loop.wheel);
  alarm.timer.set(kStart + milliseconds(50));
  alarm.timer.cancel();
  CHECK(alarm.timer.at() == base::kNever);
  loop.run(kStart + milliseconds(20));
  alarm.timer.set(kStart + milliseconds(60));
  loop.run(kStart + milliseconds(55));
  CHECK(alarm.fired == 0);
  loop.run(kStart + milliseconds(80));
  CHECK(alarm.fired == 1);
  alarm.timer.set(loop.now + milliseconds(10));
  alarm.timer.set(base::kNever);
  loop.run(kStart + std::chrono::hours(1));
  CHECK(alarm.fired == 1);
  CHECK(loop.wheel.next() == base::kNever);
}

TEST_CASE("handlers may set, cancel and destroy any timer, themselves included") {
  Loop loop;
  auto suicidal = std::make_unique<Alarm>(loop.wheel);
  Alarm cancelled(loop.wheel);
  Alarm postponed(loop.wheel);
  Alarm eternal(loop.wheel);
  auto victim = std::make_unique<Alarm>(loop.wheel);
  const base::Time at = kStart + milliseconds(5);
  suicidal->timer.set(at);
  cancelled.timer.set(at);
  postponed.timer.set(at);
  eternal.timer.set(at);
  victim->timer.set(at);
  suicidal->then = [&] {
    cancelled.timer.cancel();
    postponed.timer.set(at + milliseconds(500));
    victim.reset();
    suicidal.reset();
  };
  eternal.then = [&] { eternal.timer.set(loop.now); };
  loop.wheel.advance(at);
  CHECK(suicidal == nullptr);
  CHECK(cancelled.fired == 0);
  CHECK(postponed.fired == 0);
  CHECK(eternal.fired == 1);  // and not without end
  loop.run(kStart + milliseconds(520));
  CHECK(postponed.fired == 1);
  CHECK(eternal.fired > 40);
}

TEST_CASE("a loop that was away for long fires everything once") {
  TimerWheel wheel;
  wheel.advance(kStart);
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (int i = 0; i < 5000; ++i) {
    alarms.push_back(std::make_unique<Alarm>(wheel));
    alarms.back()->timer.set(kStart + milliseconds(i * 7));
  }
  wheel.advance(kStart + std::chrono::hours(1));
  for (const auto& alarm : alarms) CHECK(alarm->fired == 1);
  CHECK(wheel.next() == base::kNever);
}

// A plain model: a list of deadlines.
TEST_CASE("random use agrees with the model") {
  std::uint64_t state = 7;
  const auto random = [&](std::uint64_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % below;
  };
  TimerWheel wheel;
  base::Time now = kStart;
  wheel.advance(now);
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<base::Time> model(50, base::kNever);
  for (std::size_t i = 0; i < model.size(); ++i) alarms.push_back(std::make_unique<Alarm>(wheel));
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t i = random(model.size());
    if (random(4) == 0) {
      alarms[i]->timer.cancel();
      model[i] = base::kNever;
    } else {
      model[i] = now + milliseconds(random(random(10) == 0 ? 60'000 : 200)) + nanoseconds(random(1'000'000));
      alarms[i]->timer.set(model[i]);
    }
    base::Time soonest = base::kNever;
    for (const base::Time at : model) soonest = std::min(soonest, at);
    REQUIRE((soonest == base::kNever || wheel.next() <= soonest + TimerWheel::kTick));
    if (random(3) != 0) continue;
    now += nanoseconds(random(20'000'000));
    wheel.advance(now);
    for (std::size_t j = 0; j < model.size(); ++j) {
      const bool due = model[j] <= now;
      REQUIRE(alarms[j]->fired == (due ? 1 : 0));
      if (due) model[j] = base::kNever;
      alarms[j]->fired = 0;
    }
  }
}

}  // namespace weir::io
