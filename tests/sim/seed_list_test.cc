#include "tests/sim/seed_list.h"

#include <algorithm>

#include "tests/unit/catch.h"

namespace weir::sim {
namespace {

constexpr std::string_view kGreatest = "9223372036854775807";

}  // namespace

TEST_CASE("a seed is digits and nothing else") {
  CHECK(parse_seed("0") == 0U);
  CHECK(parse_seed("7") == 7U);
  CHECK(parse_seed(kGreatest) == 9'223'372'036'854'775'807U);
  for (const std::string_view text : {"", "-1", "+1", " 1", "1 ", "1x", "x", "9223372036854775808", "1e3"}) {
    INFO(text);
    CHECK_FALSE(parse_seed(text));
  }
}

TEST_CASE("a range of seeds is two, or one that stands for itself") {
  const auto range = parse_seed_range("3..5");
  REQUIRE(range);
  CHECK(range->first == 3);
  CHECK(range->last == 5);
  const auto one = parse_seed_range("7");
  REQUIRE(one);
  CHECK(one->first == 7);
  CHECK(one->last == 7);
  for (const std::string_view text : {"", "..", "1..", "..2", "5..3", "1...3", "1..2..3", "-1..2", "1-2"}) {
    INFO(text);
    CHECK_FALSE(parse_seed_range(text));
  }
}

TEST_CASE("kept seeds come before the range") {
  const SeedList seeds({40, 2}, {5, 6});
  REQUIRE(seeds.count() == 4);
  CHECK(seeds.at(0) == 40);
  CHECK(seeds.at(1) == 2);
  CHECK(seeds.at(2) == 5);
  CHECK(seeds.at(3) == 6);
}

TEST_CASE("a range may be longer than memory") {
  const SeedList seeds({3}, *parse_seed_range("0.." + std::string(kGreatest)));
  CHECK(seeds.count() == 9'223'372'036'854'775'809U);
  CHECK(seeds.at(10'000'000'000) == 9'999'999'999);
}

TEST_CASE("a file's seeds stand at the beginnings of its lines") {
  const std::vector<std::uint64_t> kept = read_seeds(WEIR_SOURCE_DIR "/tests/sim/seeds.txt");
  REQUIRE(kept.size() >= 2);
  CHECK(std::is_sorted(kept.begin(), kept.end()));
  CHECK(kept[0] > 0);
  CHECK(read_seeds(WEIR_SOURCE_DIR "/tests/sim/seed_list.h").empty());
  CHECK(read_seeds("/nonexistent").empty());
}

}  // namespace weir::sim
