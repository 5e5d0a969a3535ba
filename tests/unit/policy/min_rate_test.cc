// Clients that are too slow, by exact times.
#include "proxy/policy/min_rate.h"

#include <chrono>

#include "tests/unit/catch.h"

using namespace weir;
using namespace std::chrono_literals;
using policy::MinRate;

TEST_CASE("a trickle is told ten seconds after its first byte") {
  MinRate rate;
  CHECK_FALSE(rate.note(1h, 1, 100));
  for (int i = 0; i < 9; ++i) CHECK_FALSE(rate.note(1s, 99, 100));
  CHECK(rate.note(1s, 99, 100));
}

TEST_CASE("who keeps to the rate goes on for ever") {
  MinRate rate;
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(rate.note(1s, 100, 100));
  MinRate lumps;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(lumps.note(25s, 2'500, 100));
}

TEST_CASE("a silence is judged by what comes after it") {
  MinRate rate;
  CHECK_FALSE(rate.note(29s, 1, 100));
  CHECK_FALSE(rate.note(29s, 2'900, 100));
  CHECK(rate.note(29s, 2'899, 100));
}

TEST_CASE("a good beginning pays for one window alone") {
  MinRate rate;
  CHECK_FALSE(rate.note(0s, 1, 100));
  CHECK_FALSE(rate.note(0s, 1'000'000, 100));
  CHECK_FALSE(rate.note(10s, 1, 100));
  CHECK_FALSE(rate.note(9999ms, 1, 100));
  CHECK(rate.note(1ms, 1, 100));
}

TEST_CASE("any rate will do where none is asked for, and another stretch begins anew") {
  MinRate rate;
  CHECK_FALSE(rate.note(20s, 0, 0));
  CHECK_FALSE(rate.note(20s, 0, 0));
  CHECK_FALSE(rate.note(9s, 0, 100));
  rate.reset();
  CHECK_FALSE(rate.note(9s, 0, 100));
  CHECK_FALSE(rate.note(9s, 0, 100));
  CHECK(rate.note(1s, 0, 100));
}
