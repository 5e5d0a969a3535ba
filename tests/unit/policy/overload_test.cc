#include "proxy/policy/overload.h"

#include <chrono>

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using Change = Overload::Change;

// Readings, each a tenth of a second after the one before.
struct Watch {
  std::optional<Change> see(const Overload::Reading& reading) {
    now += 100ms;
    return overload.note(reading, now);
  }
  std::optional<Change> memory(std::uint64_t percent) {
    return see({.memory_used = percent, .memory_limit = 100});
  }
  std::optional<Change> lag(base::Duration lag) { return see({.lag = lag}); }
  std::optional<Change> free(std::int64_t descriptors) {
    return see({.free_descriptors = descriptors, .kept_descriptors = 64});
  }
  // So often, and nothing follows.
  void nothing(int times, const Overload::Reading& reading) {
    for (int i = 0; i < times; ++i) REQUIRE_FALSE(see(reading));
  }

  base::Time now{};
  Overload overload;
};

Overload::Reading used(std::uint64_t percent) {
  return {.memory_used = percent, .memory_limit = 100};
}

}  // namespace

TEST_CASE("overload: memory raises the level at once, at 85, 95 and 100 percent of its limit") {
  Watch watch;
  CHECK_FALSE(watch.memory(84));
  CHECK(watch.memory(85) == Change{0, 1, OverloadCause::memory});
  CHECK_FALSE(watch.memory(94));
  CHECK(watch.memory(95) == Change{1, 2, OverloadCause::memory});
  CHECK(watch.memory(100) == Change{2, 3, OverloadCause::memory});
  CHECK_FALSE(watch.memory(500));
  Watch another;
  CHECK(another.memory(100) == Change{0, 3, OverloadCause::memory});
  CHECK(another.overload.level() == 3);
}

TEST_CASE("overload: without a limit memory is no matter") {
  Watch watch;
  watch.nothing(100, {.memory_used = UINT64_MAX / 200});
}

TEST_CASE("overload: the level falls after a second clearly below, and no sooner") {
  Watch watch;
  CHECK(watch.memory(96) == Change{0, 2, OverloadCause::memory});
  watch.nothing(50, used(94));  // below 95, and not clearly
  watch.nothing(10, used(89));
  watch.nothing(1, used(90));  // the second begins anew
  watch.nothing(10, used(89));
  CHECK(watch.memory(89) == Change{2, 1, OverloadCause::memory});
  watch.nothing(50, used(80));
  watch.nothing(10, used(79));
  CHECK(watch.memory(79) == Change{1, 0, OverloadCause::memory});
  watch.nothing(50, used(84));
}

TEST_CASE("overload: it falls to the highest level that was called for within that second") {
  Watch watch;
  CHECK(watch.memory(100) == Change{0, 3, OverloadCause::memory});
  watch.nothing(5, used(10));
  watch.nothing(1, used(81));
  watch.nothing(4, used(10));
  CHECK(watch.memory(10) == Change{3, 1, OverloadCause::memory});
  watch.nothing(10, used(10));
  CHECK(watch.memory(10) == Change{1, 0, OverloadCause::memory});
}

TEST_CASE("overload: lag counts when it has lasted for a second") {
  Watch watch;
  watch.nothing(10, {.lag = 501ms});
  CHECK(watch.lag(501ms) == Change{0, 1, OverloadCause::lag});
  watch.nothing(10, {.lag = 2001ms});
  CHECK(watch.lag(2001ms) == Change{1, 2, OverloadCause::lag});
  watch.nothing(20, {.lag = 60s});
  watch.nothing(10, {.lag = 300ms});
  CHECK(watch.lag(300ms) == Change{2, 1, OverloadCause::lag});
  watch.nothing(10, {.lag = 250ms});
  CHECK(watch.lag(0ms) == Change{1, 0, OverloadCause::lag});
}

TEST_CASE("overload: one stall is none, however long") {
  Watch watch;
  for (int i = 0; i < 20; ++i) {
    watch.nothing(9, {.lag = 10s});
    watch.nothing(1, {.lag = 10ms});
  }
}

TEST_CASE("overload: few descriptors for a second are the first level") {
  Watch watch;
  watch.nothing(50, {.free_descriptors = 32, .kept_descriptors = 64});
  watch.nothing(10, {.free_descriptors = 31, .kept_descriptors = 64});
  CHECK(watch.free(31) == Change{0, 1, OverloadCause::descriptors});
  watch.nothing(50, {.free_descriptors = 47, .kept_descriptors = 64});
  watch.nothing(10, {.free_descriptors = 48, .kept_descriptors = 64});
  CHECK(watch.free(48) == Change{1, 0, OverloadCause::descriptors});
}

TEST_CASE("overload: the worst of several pressures counts, and each keeps the level up") {
  Watch watch;
  watch.nothing(10, {.lag = 3s});
  CHECK(watch.see({.memory_used = 86, .memory_limit = 100, .lag = 3s}) == Change{0, 2, OverloadCause::lag});
  watch.nothing(10, used(86));
  CHECK(watch.memory(86) == Change{2, 1, OverloadCause::lag});
  watch.nothing(30, used(86));
  watch.nothing(10, used(0));
  CHECK(watch.memory(0) == Change{1, 0, OverloadCause::memory});
}

TEST_CASE(
    "overload: to be let go of is what is over 95 percent at the highest level, and over 85 after a while") {
  Watch watch;
  const auto excess = [&](std::uint64_t percent) {
    watch.memory(percent);
    return watch.overload.excess(used(percent), watch.now);
  };
  CHECK(excess(94) == 0);
  CHECK(excess(96) == 0);
  CHECK(excess(100) == 5);
  CHECK(excess(96) == 1);
  CHECK(excess(95) == 0);
  watch.now += 2s;
  CHECK(excess(95) == 10);
  CHECK(excess(80) == 0);
}

TEST_CASE("overload: where the limit is taken away nothing is to be let go of") {
  Watch watch;
  watch.memory(100);
  const Overload::Reading unlimited{.memory_used = 100};
  watch.see(unlimited);
  CHECK(watch.overload.level() == 3);
  CHECK(watch.overload.excess(unlimited, watch.now) == 0);
  watch.nothing(9, unlimited);
  CHECK(watch.see(unlimited) == Change{3, 0, OverloadCause::memory});
}

}  // namespace weir::policy
