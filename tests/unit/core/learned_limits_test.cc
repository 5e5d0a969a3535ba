// What Weir learns of how long a node keeps idle connections and how many requests it takes on one.
#include "proxy/core/learned_limits.h"

#include "tests/unit/catch.h"

using weir::base::Duration;
using weir::base::Time;
using weir::core::LearnedLimits;
using namespace std::chrono_literals;

namespace {

constexpr Time kNow(1000h);

}  // namespace

TEST_CASE("nothing is known at first, and care is taken") {
  const LearnedLimits limits;
  CHECK(limits.idle_limit(kNow) == Duration::max());
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  CHECK(limits.careful_limit(kNow) == 500ms);
}

TEST_CASE("the shortest idle age counts, with a margin") {
  LearnedLimits limits;
  limits.note_close(5s, 3, kNow);
  CHECK(limits.idle_limit(kNow) == 4500ms);
  CHECK(limits.careful_limit(kNow) == 2500ms);
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  limits.note_close(10s, 3, kNow);
  CHECK(limits.idle_limit(kNow) == 4500ms);
  limits.note_close(1s, 3, kNow);
  CHECK(limits.idle_limit(kNow) == 900ms);
}

TEST_CASE("no limit is learned from an end too soon to be one") {
  LearnedLimits limits;
  limits.note_close(49ms, 3, kNow);
  CHECK(limits.idle_limit(kNow) == Duration::max());
  limits.note_close(20ms, 3, kNow);
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  limits.note_close(50ms, 3, kNow);
  CHECK(limits.idle_limit(kNow) == 45ms);
}

TEST_CASE("ends at once speak of the number of requests: one is a suspicion, two are sure") {
  LearnedLimits limits;
  limits.note_close(19ms, 100, kNow);
  CHECK(limits.careful_request_limit(kNow) == 90);
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  CHECK(limits.idle_limit(kNow) == Duration::max());
  limits.note_close(0ms, 100, kNow);
  CHECK(limits.request_limit(kNow) == 90);
  limits.note_close(0ms, 1000, kNow);  // one that was in use before it was sure
  CHECK(limits.request_limit(kNow) == 90);
  limits.note_close(0ms, 100, kNow + 50min);  // seen again, it is remembered for an hour from then
  CHECK(limits.request_limit(kNow + 100min) == 90);
  limits.note_close(0ms, 11, kNow);
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  CHECK(limits.careful_request_limit(kNow) == 9);
}

TEST_CASE("ends that cross requests are no more than a suspicion, however often they come") {
  LearnedLimits limits;
  for (int i = 0; i < 5; ++i) limits.note_crossing(10, kNow);
  CHECK(limits.careful_request_limit(kNow) == 9);
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
  CHECK(limits.careful_request_limit(kNow + 59s) == 9);
  CHECK(limits.careful_request_limit(kNow + 60s) == UINT32_MAX);  // what heeds it cannot disprove it
  limits.note_served(11);
  CHECK(limits.careful_request_limit(kNow) == UINT32_MAX);
}

TEST_CASE("an end that crosses a request says nothing against what is known better") {
  LearnedLimits limits;
  limits.note_close(0s, 10, kNow);
  limits.note_crossing(3, kNow);
  CHECK(limits.careful_request_limit(kNow) == 9);
  limits.note_close(0s, 10, kNow);
  limits.note_crossing(3, kNow);
  limits.note_crossing(30, kNow);
  CHECK(limits.request_limit(kNow) == 9);
}

TEST_CASE("a node that closes after each answer is learned: no connection is used twice") {
  LearnedLimits limits;
  limits.note_close(0ms, 1, kNow);
  CHECK(limits.careful_request_limit(kNow) == 1);
  limits.note_close(0ms, 1, kNow);
  CHECK(limits.request_limit(kNow) == 1);
}

TEST_CASE("ends at counts that differ are no limit") {
  LearnedLimits limits;
  for (std::uint32_t served : {7U, 31U, 4U, 12U, 5U}) {
    limits.note_close(0ms, served, kNow);
    CHECK(limits.request_limit(kNow) == UINT32_MAX);
  }
  CHECK(limits.careful_request_limit(kNow) == 4);
  limits.note_served(5);
  CHECK(limits.careful_request_limit(kNow) == 4);
  limits.note_served(6);
  CHECK(limits.careful_request_limit(kNow) == UINT32_MAX);
}

TEST_CASE("what is sure is not cleared by a connection that was beyond it already") {
  LearnedLimits limits;
  limits.note_close(0ms, 10, kNow);
  limits.note_close(0ms, 10, kNow);
  limits.note_served(50);
  CHECK(limits.request_limit(kNow) == 9);
}

TEST_CASE("after an hour it is forgotten, and learned anew") {
  LearnedLimits limits;
  limits.note_close(1s, 3, kNow);
  for (int twice = 0; twice < 2; ++twice) limits.note_close(0ms, 10, kNow);
  const Time almost = kNow + 1h - 1ns, later = kNow + 1h;
  CHECK(limits.idle_limit(almost) == 900ms);
  CHECK(limits.request_limit(almost) == 9);
  CHECK(limits.idle_limit(later) == Duration::max());
  CHECK(limits.request_limit(later) == UINT32_MAX);
  CHECK(limits.careful_limit(later) == 500ms);
  limits.note_close(5s, 3, later);
  limits.note_close(0ms, 20, later);
  CHECK(limits.request_limit(later) == UINT32_MAX);
  limits.note_close(0ms, 20, later);
  CHECK(limits.idle_limit(later) == 4500ms);
  CHECK(limits.request_limit(later) == 18);
}

TEST_CASE("seen again, it is remembered for another hour") {
  LearnedLimits limits;
  limits.note_close(1s, 3, kNow);
  limits.note_close(1s, 3, kNow + 30min);
  CHECK(limits.idle_limit(kNow + 80min) == 900ms);
}

TEST_CASE("a node that refuses connections has restarted: all is forgotten") {
  LearnedLimits limits;
  limits.note_close(1s, 3, kNow);
  for (int twice = 0; twice < 2; ++twice) limits.note_close(0ms, 10, kNow);
  limits.forget();
  CHECK(limits.idle_limit(kNow) == Duration::max());
  CHECK(limits.request_limit(kNow) == UINT32_MAX);
}

TEST_CASE("another process knows the same") {
  LearnedLimits limits, other;
  limits.note_close(5s, 3, kNow - 30min);
  limits.note_close(1ms, 100, kNow - 20min);
  limits.note_close(1ms, 100, kNow - 10min);
  constexpr Time there(7h);  // its clock need not be this one's
  other.take_over(limits.known(kNow), there);
  CHECK(other.idle_limit(there) == limits.idle_limit(kNow));
  CHECK(other.request_limit(there) == limits.request_limit(kNow));
  CHECK(other.request_limit(there) == 90);
  CHECK(other.idle_limit(there + 31min) == Duration::max());
  CHECK(other.request_limit(there + 31min) == 90);
}
