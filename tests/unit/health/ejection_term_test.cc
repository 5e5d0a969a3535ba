#include "health/ejection_term.h"

#include "tests/unit/catch.h"

namespace weir::health {

using namespace std::chrono_literals;

TEST_CASE("an ejection lasts twice as long each time, up to the most") {
  constexpr EjectionTerm term{10s, 5min};
  CHECK(term.of(1) == 10s);
  CHECK(term.of(2) == 20s);
  CHECK(term.of(5) == 160s);
  CHECK(term.of(6) == 5min);
  CHECK(term.of(4'000'000'000) == 5min);
  CHECK(term.of(0) == 10s);
  CHECK(EjectionTerm{24h, 24h}.of(4'000'000'000) == 24h);
}

TEST_CASE("a node that refuses is looked at after 200 ms, later only if it fails at once each time") {
  constexpr EjectionTerm term{10s, 5min};
  CHECK(term.until_first_look(1) == 200ms);
  CHECK(term.until_first_look(2) == 400ms);
  CHECK(term.until_first_look(20) == 5min);
  CHECK(EjectionTerm{100ms, 100ms}.until_first_look(9) == 200ms);
}

TEST_CASE("ejections are forgotten after good service that is long against them") {
  constexpr EjectionTerm term{10s, 5min};
  CHECK(term.until_forgotten(1) == 60s);
  CHECK(term.until_forgotten(2) == 60s);
  CHECK(term.until_forgotten(4) == 160s);
  CHECK(term.until_forgotten(30) == 10min);
}

}  // namespace weir::health
