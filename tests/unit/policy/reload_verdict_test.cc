#include "proxy/policy/reload_verdict.h"

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

PoolStanding nodes(std::uint64_t wanted, std::uint64_t eligible, std::uint64_t undecided = 0) {
  return {.wanted = wanted, .eligible = eligible, .undecided = undecided, .answers = 0, .errors = 0};
}

PoolStanding answers(std::uint64_t all, std::uint64_t errors) {
  return {.wanted = 1, .eligible = 1, .undecided = 0, .answers = all, .errors = errors};
}

bool objects(const PoolStanding& now, const std::optional<PoolStanding>& before,
             Moment moment = Moment::during) {
  return objection(now, before, 50, moment).has_value();
}

}  // namespace

TEST_CASE("a pool needs its share of nodes that may take requests") {
  CHECK(objects(nodes(4, 1), nodes(4, 4)));
  CHECK_FALSE(objects(nodes(4, 2), nodes(4, 4)));
  CHECK(objection(nodes(4, 3), nodes(4, 4), 100, Moment::during));
  CHECK_FALSE(objection(nodes(4, 0), nodes(4, 4), 0, Moment::during));
}

TEST_CASE("nodes that wait for their verdict have until the end for it") {
  CHECK_FALSE(objects(nodes(4, 0, 4), nodes(2, 2)));
  CHECK_FALSE(objects(nodes(4, 1, 1), nodes(2, 2)));
  CHECK(objects(nodes(4, 1, 0), nodes(2, 2)));
  CHECK(objects(nodes(4, 1, 3), nodes(2, 2), Moment::at_end));
}

TEST_CASE("a pool that was no better before is nobody's fault") {
  CHECK_FALSE(objects(nodes(4, 1), nodes(4, 1), Moment::at_end));
  CHECK_FALSE(objects(nodes(4, 1), nodes(8, 1), Moment::at_end));
  CHECK(objects(nodes(4, 0), nodes(4, 1), Moment::at_end));
  CHECK(objects(nodes(4, 1), nodes(4, 0, 4), Moment::at_end));  // it was about to be asked
}

TEST_CASE("a new pool, one that had no nodes, and one that is to have none") {
  CHECK(objects(nodes(2, 0), std::nullopt));
  CHECK(objects(nodes(2, 0), nodes(0, 0)));
  CHECK_FALSE(objects(nodes(2, 2), std::nullopt));
  CHECK_FALSE(objects(nodes(0, 0), nodes(2, 2), Moment::at_end));  // all are drained, on purpose
}

TEST_CASE("errors count when they are clearly more than before") {
  CHECK(objects(answers(100, 30), answers(1000, 0)));
  CHECK(objects(answers(20, 10), answers(100, 1)));
  CHECK_FALSE(objects(answers(100, 4), answers(1000, 0)));      // few of many
  CHECK_FALSE(objects(answers(19, 19), answers(1000, 0)));      // too few to tell
  CHECK_FALSE(objects(answers(100, 30), answers(100, 20)));     // it was so before
  CHECK_FALSE(objects(answers(1000, 110), answers(1000, 60)));  // less than twice as many
  CHECK_FALSE(objects(answers(30, 5), answers(10, 0)));         // chance may have it
}

TEST_CASE("where there was no answer before, half of them must be errors") {
  CHECK(objects(answers(20, 10), std::nullopt));
  CHECK_FALSE(objects(answers(20, 9), std::nullopt));
  CHECK(objects(answers(20, 10), answers(0, 0)));
}

TEST_CASE("an objection says what it is about") {
  CHECK(objection(nodes(4, 1), nodes(4, 4), 50, Moment::during) ==
        "1 of 4 nodes may take requests, under min_healthy (50%)");
  CHECK(objection(answers(100, 30), answers(900, 2), 50, Moment::during) ==
        "30 of 100 answers are errors, 2 of 900 were before");
}

}  // namespace weir::policy
