// When the next check is due, at the ends and in the middle of chance, and over many draws.
#include "health/probe_schedule.h"

#include <array>
#include <random>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

using namespace std::chrono_literals;
using Now = ProbeSchedule::Now;

constexpr Pace kPace{2s, 400ms, 10};
constexpr std::uint64_t kLeast = 0, kMiddle = std::uint64_t{1} << 63, kMost = ~std::uint64_t{0};

// After a check that was not the first one.
Duration later(Now now, std::uint64_t random, const Pace& pace = kPace) {
  ProbeSchedule schedule(pace);
  schedule.wait_after(Now::unsteady, 0);
  return schedule.wait_after(now, random);
}

Duration first(Now now, std::uint64_t random) {
  return ProbeSchedule(kPace).wait_after(now, random);
}

}  // namespace

TEST_CASE("a node that came up is checked again after any part of the interval") {
  for (const auto& wait : {first, +[](Now now, std::uint64_t random) { return later(now, random); }}) {
    CHECK(wait(Now::came_up, kLeast) == 0s);
    CHECK(wait(Now::came_up, kMiddle) == 1s);
    CHECK(wait(Now::came_up, kMost) <= 2s);
    CHECK(wait(Now::came_up, kMost) > 1999ms);
  }
}

TEST_CASE("a steady node is checked at the interval, give or take the jitter") {
  CHECK(later(Now::steady, kLeast) == 1800ms);
  CHECK(later(Now::steady, kMiddle) == 2s);
  CHECK(later(Now::steady, kMost) <= 2200ms);
  CHECK(later(Now::steady, kMost) > 2199ms);
  CHECK(later(Now::steady, kMost, {2s, 400ms, 0}) == 2s);
}

TEST_CASE("a failure of a steady node is looked into at once") {
  CHECK(later(Now::began_to_fail, kMost) == 0s);
}

TEST_CASE("an unsteady node is checked at the fast interval, give or take the jitter") {
  CHECK(later(Now::unsteady, kLeast) == 360ms);
  CHECK(later(Now::unsteady, kMiddle) == 400ms);
  CHECK(later(Now::unsteady, kMost) <= 440ms);
}

TEST_CASE("a node whose first check failed is checked again after any part of the fast interval") {
  CHECK(first(Now::unsteady, kLeast) == 0s);
  CHECK(first(Now::unsteady, kMiddle) == 200ms);
  CHECK(first(Now::unsteady, kMost) <= 400ms);
}

TEST_CASE("ten thousand nodes that came up together are spread evenly, and stay so") {
  std::mt19937_64 random(1);
  std::array<int, 20> now{}, in_ten_rounds{};  // by 100 ms of the interval
  for (int node = 0; node < 10'000; ++node) {
    ProbeSchedule schedule(kPace);
    Duration at = schedule.wait_after(Now::came_up, random());
    ++now[static_cast<std::size_t>(at / 100ms)];
    for (int round = 0; round < 10; ++round) at += schedule.wait_after(Now::steady, random());
    ++in_ten_rounds[static_cast<std::size_t>(at % 2s / 100ms)];
  }
  for (const int count : now) CHECK((count > 400 && count < 600));
  for (const int count : in_ten_rounds) CHECK((count > 400 && count < 600));
}

}  // namespace weir::health
