// When operators are told that a node announces less than keepalive.idle_timeout.
#include "proxy/core/told_limit.h"

#include "tests/unit/catch.h"

using weir::core::ToldLimit;
using namespace std::chrono_literals;

TEST_CASE("what a node announces is told of once, however many answers say so") {
  ToldLimit told;
  CHECK(told.note(5s, 60s));
  CHECK_FALSE(told.note(5s, 60s));
}

TEST_CASE("nothing is told of a node that keeps idle connections for as long as Weir does") {
  ToldLimit told;
  CHECK_FALSE(told.note(60s, 60s));
  CHECK_FALSE(told.note(75s, 60s));
  CHECK_FALSE(told.note(1s, 500ms));
}

TEST_CASE("a shorter limit is told of anew, and a longer one not, so that two in turns fill no log") {
  ToldLimit told;
  CHECK(told.note(10s, 60s));
  CHECK(told.note(5s, 60s));
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(told.note(10s, 60s));
    CHECK_FALSE(told.note(5s, 60s));
  }
}

TEST_CASE("another idle_timeout is held against it anew") {
  ToldLimit told;
  CHECK(told.note(5s, 60s));
  CHECK_FALSE(told.note(5s, 4s));
  CHECK(told.note(5s, 30s));
  CHECK_FALSE(told.note(5s, 30s));
}
