// The pace of requests, at exact times.
#include "proxy/policy/rate_limit.h"

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;
using namespace std::chrono_literals;

namespace {

constexpr RatePace kTenASecond{100ms, 3};
const base::Time kBegin = base::Time() + 1h;

}  // namespace

TEST_CASE("a burst is admitted at once, and then one each interval") {
  base::Time due = base::Time::min();
  for (std::uint64_t left : {2, 1, 0}) {
    const RateVerdict verdict = spend(due, kBegin, kTenASecond);
    CHECK(verdict.admitted);
    CHECK(verdict.left == left);
  }
  CHECK_FALSE(spend(due, kBegin, kTenASecond).admitted);
  CHECK_FALSE(spend(due, kBegin + 99ms, kTenASecond).admitted);
  CHECK(spend(due, kBegin + 100ms, kTenASecond).admitted);
  CHECK_FALSE(spend(due, kBegin + 100ms, kTenASecond).admitted);
}

TEST_CASE("who is refused hears how long to wait, and loses nothing by asking") {
  base::Time due = base::Time::min();
  for (int i = 0; i < 3; ++i) spend(due, kBegin, kTenASecond);
  for (int i = 0; i < 1000; ++i) {
    const RateVerdict verdict = spend(due, kBegin + 30ms, kTenASecond);
    CHECK_FALSE(verdict.admitted);
    CHECK(verdict.wait == 70ms);
    CHECK(verdict.renewal == 270ms);
  }
  CHECK(spend(due, kBegin + 100ms, kTenASecond).admitted);
}

TEST_CASE("who was away has a whole burst again, and no more") {
  base::Time due = base::Time::min();
  for (int i = 0; i < 3; ++i) spend(due, kBegin, kTenASecond);
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += spend(due, kBegin + 24h, kTenASecond).admitted ? 1 : 0;
  CHECK(admitted == 3);
}

TEST_CASE("over a long time the rate is what it says, however requests are spread") {
  base::Time due = base::Time::min();
  int admitted = 0;
  for (base::Duration at = 0ms; at < 100s; at += 7ms)
    admitted += spend(due, kBegin + at, kTenASecond).admitted ? 1 : 0;
  CHECK(admitted >= 1000);
  CHECK(admitted <= 1003);
}

TEST_CASE("a burst of one takes requests that keep the pace exactly") {
  base::Time due = base::Time::min();
  for (int i = 0; i < 100; ++i) CHECK(spend(due, kBegin + i * 1s, {1s, 1}).admitted);
  CHECK_FALSE(spend(due, kBegin + 99s + 999ms, {1s, 1}).admitted);
}

TEST_CASE("who was refused under a stricter limit is as far behind as the new one lets anybody be") {
  base::Time due = base::Time::min();
  for (int i = 0; i < 3; ++i) spend(due, kBegin, {1h, 3});
  CHECK_FALSE(spend(due, kBegin, kTenASecond).admitted);
  CHECK(spend(due, kBegin + 100ms, kTenASecond).admitted);
}
