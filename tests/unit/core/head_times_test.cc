// What a hedge waits for, by exact times.
#include "proxy/core/head_times.h"

#include <chrono>

#include "tests/unit/catch.h"

namespace weir::core {

using namespace std::chrono_literals;

TEST_CASE("there is no percentile of few, and one of enough, over all workers") {
  HeadTimes times(2);
  const base::Time begin{1h};
  for (std::size_t i = 0; i < HeadTimes::kLeastSamples - 1; ++i) times.note(i % 2, 100ms);
  CHECK_FALSE(times.under(95, begin));
  times.note(5, 100ms);
  const auto found = times.under(95, begin + 1s);
  REQUIRE(found);
  CHECK(*found > 80ms);
  CHECK(*found < 125ms);
}

TEST_CASE("a percentile is no less than a millisecond") {
  HeadTimes times(1);
  for (int i = 0; i < 100; ++i) times.note(0, 20us);
  CHECK(times.under(50, base::Time(1h)) == 1ms);
}

TEST_CASE("what is long past counts no more") {
  HeadTimes times(1);
  base::Time now{1h};
  for (int i = 0; i < 1000; ++i) times.note(0, 500ms);
  CHECK(times.under(95, now).value() > 400ms);
  for (int second = 0; second < 25; ++second) {
    for (int i = 0; i < 10; ++i) times.note(0, 10ms);
    now += 1s;
    (void)times.under(95, now);
  }
  CHECK(times.under(95, now).value() < 15ms);
}

}  // namespace weir::core
