#include "health/panic.h"

#include <initializer_list>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

bool is_panic(std::initializer_list<TierCensus> tiers, std::uint32_t percent) {
  return health::is_panic(std::span(tiers.begin(), tiers.size()), percent);
}

}  // namespace

TEST_CASE("soft verdicts are disregarded when they would leave fewer than so many percent") {
  CHECK(is_panic({{.sound = 0, .soft = 1}}, 30));
  CHECK_FALSE(is_panic({{.sound = 1, .soft = 1}}, 30));
  CHECK_FALSE(is_panic({{.sound = 1, .soft = 2}}, 30));
  CHECK(is_panic({{.sound = 1, .soft = 3}}, 30));
  CHECK_FALSE(is_panic({{.sound = 3, .soft = 7}}, 30));
  CHECK(is_panic({{.sound = 2, .soft = 8}}, 30));
  CHECK(is_panic({{.sound = 99, .soft = 1}}, 100));
}

TEST_CASE("without soft verdicts, or with a floor of 0 %, there is no panic") {
  CHECK_FALSE(is_panic({{.sound = 0, .soft = 0}}, 100));
  CHECK_FALSE(is_panic({{.sound = 5, .soft = 0}}, 100));
  CHECK_FALSE(is_panic({{.sound = 0, .soft = 9}}, 0));
}

TEST_CASE("a tier that has enough nodes left serves in place of the others") {
  CHECK_FALSE(is_panic({{.sound = 0, .soft = 9}, {.sound = 1, .soft = 0}}, 30));
  CHECK_FALSE(is_panic({{.sound = 0, .soft = 9}, {.sound = 1, .soft = 2}}, 30));
  CHECK(is_panic({{.sound = 0, .soft = 9}, {.sound = 1, .soft = 3}}, 30));
  CHECK(is_panic({{.sound = 0, .soft = 9}, {.sound = 0, .soft = 0}}, 30));  // all are down by hard verdicts
  CHECK_FALSE(is_panic({{.sound = 0, .soft = 0}, {.sound = 0, .soft = 0}}, 30));
}

}  // namespace weir::health
