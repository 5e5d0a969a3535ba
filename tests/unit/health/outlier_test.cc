#include "health/outlier.h"

#include <cstdint>
#include <vector>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

using namespace std::chrono_literals;
using Indices = std::vector<std::size_t>;

// A node that answers so many, of which so many percent are failures, in the order that a seed draws.
AnswerCounts drawn(std::uint64_t answers, unsigned percent, std::uint64_t& seed) {
  AnswerCounts counts{answers, 0};
  for (std::uint64_t i = 0; i < answers; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    counts.failures += (seed >> 33) % 100 < percent ? 1 : 0;
  }
  return counts;
}

std::size_t times_ejected(std::uint64_t answers, unsigned percent, unsigned rest, std::size_t nodes) {
  std::uint64_t seed = 1;
  std::size_t ejected = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<AnswerCounts> pool = {drawn(answers, percent, seed)};
    while (pool.size() < nodes) pool.push_back(drawn(answers, rest, seed));
    for (const std::size_t node : failing_nodes(pool)) ejected += node == 0 ? 1 : 0;
  }
  return ejected;
}

Indices slow(const std::vector<AnswerTimes>& pool) {
  Indices indices;
  for (const SlowNode& node : slow_nodes(pool)) indices.push_back(node.index);
  return indices;
}

}  // namespace

TEST_CASE("half the answers of one node are enough, in pools of two and more") {
  CHECK(failing_nodes(std::vector<AnswerCounts>{{20, 10}, {20, 0}}) == Indices{0});
  CHECK(failing_nodes(std::vector<AnswerCounts>{{20, 0}, {20, 10}, {20, 0}}) == Indices{1});
  CHECK(failing_nodes(std::vector<AnswerCounts>{{250, 0}, {250, 3}, {250, 125}}) == Indices{2});
  CHECK(failing_nodes(std::vector<AnswerCounts>{{1000, 600}, {1000, 90}, {1000, 90}}) == Indices{0});
}

TEST_CASE("too few answers, or nobody to compare with, are no reason") {
  CHECK(failing_nodes(std::vector<AnswerCounts>{{19, 19}, {20, 0}}).empty());
  CHECK(failing_nodes(std::vector<AnswerCounts>{{20, 20}, {19, 0}}).empty());
  CHECK(failing_nodes(std::vector<AnswerCounts>{{1000, 1000}}).empty());
  CHECK(failing_nodes({}).empty());
  CHECK(failing_nodes(std::vector<AnswerCounts>{{20, 3}, {20, 0}}).empty());
}

TEST_CASE("what the whole pool suffers from ejects nobody") {
  CHECK(failing_nodes(std::vector<AnswerCounts>{{500, 250}, {500, 250}, {500, 240}}).empty());
  CHECK(failing_nodes(std::vector<AnswerCounts>{{500, 500}, {500, 500}}).empty());
  CHECK(failing_nodes(std::vector<AnswerCounts>{{1000, 400}, {1000, 200}}).empty());
}

TEST_CASE("several nodes may fail more than the better half") {
  CHECK(failing_nodes(std::vector<AnswerCounts>{{100, 90}, {100, 0}, {100, 80}, {100, 1}}) == Indices{2, 0});
  CHECK(failing_nodes(std::vector<AnswerCounts>{{100, 90}, {100, 0}, {100, 80}}) == Indices{2, 0});
}

TEST_CASE("chance ejects hardly anybody, and a node that really fails is found nearly always") {
  CHECK(times_ejected(25, 5, 5, 3) == 0);
  CHECK(times_ejected(25, 1, 1, 10) == 0);
  CHECK(times_ejected(250, 10, 10, 3) == 0);
  CHECK(times_ejected(250, 30, 30, 3) == 0);
  CHECK(times_ejected(80, 50, 0, 3) == 1000);
  CHECK(times_ejected(80, 50, 2, 3) > 990);
  CHECK(times_ejected(800, 20, 1, 3) > 990);
}

TEST_CASE("a node is slow at over five times the others' median, in pools of two and more") {
  CHECK(slow({{10, 10ms}, {10, 51ms}}) == Indices{1});
  CHECK(slow({{10, 10ms}, {10, 50ms}}).empty());
  CHECK(slow({{10, 200ms}, {10, 20ms}, {10, 22ms}}) == Indices{0});
  CHECK(
      slow({{10, 200ms}, {10, 20ms}, {10, 210ms}}).empty());  // one is quick, and that is no fault of others
  CHECK(slow({{10, 20ms}, {10, 20ms}, {10, 200ms}, {10, 200ms}}).empty());
  CHECK(slow({{10, 20ms}, {10, 20ms}, {10, 20ms}, {10, 200ms}}) == Indices{3});
  CHECK(slow({{10, 20ms}, {10, 21ms}, {10, 22ms}, {10, 23ms}, {10, 24ms}}).empty());
}

TEST_CASE("who does not answer well is no measure for the others") {
  const AnswerTimes refusing{.answers = 10, .median = 1ms, .well = false};
  CHECK(slow({refusing, {10, 60ms}}).empty());
  CHECK(slow({refusing, refusing, {10, 60ms}}).empty());
  CHECK(slow({refusing, {10, 60ms}, {10, 310ms}}) == Indices{2});
}

TEST_CASE("a node is not slow below the floor, with few answers, or alone") {
  CHECK(slow({{1000, 20us}, {1000, 20ms}}).empty());
  CHECK(slow({{1000, 20us}, {1000, 21ms}}) == Indices{1});
  CHECK(slow({{10, 10ms}, {9, 500ms}}).empty());
  CHECK(slow({{9, 10ms}, {10, 500ms}}).empty());
  CHECK(slow({{10, 500ms}}).empty());
  CHECK(slow_nodes(std::vector<AnswerTimes>{{10, 10ms}, {10, 90ms}}).front().bound == 50ms);
  CHECK(slow_nodes(std::vector<AnswerTimes>{{10, 1ms}, {10, 90ms}}).front().bound == kSlowFloor);
}

}  // namespace weir::health
