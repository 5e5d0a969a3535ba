// Whether a node does worse than the rest of its pool, by what both did in the same time. In a pool of two
// the rest is one node, and that is enough: what the whole pool suffers from shows there too, and ejects
// nobody. Functions of their arguments.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::health {

struct AnswerCounts {
  std::uint64_t answers = 0;   // failures included
  std::uint64_t failures = 0;  // 5xx, or none
  std::uint64_t refusals = 0;  // 4xx
  AnswerCounts& operator+=(const AnswerCounts& other);
  AnswerCounts operator-(const AnswerCounts& other) const;
};

// A node needs as many for a verdict on failures, and on answer times.
inline constexpr std::uint64_t kLeastAnswers = 20, kLeastTimedAnswers = 10;

// Those of a pool, by index, whose share of failures is beyond doubt (the lower end of Wilson's interval,
// three and a half standard deviations) over a tenth, and over three times that of the better half of the
// others. So half the answers of one node are enough after twenty of them, and a single failure among few
// never is.
std::vector<std::size_t> failing_nodes(std::span<const AnswerCounts> pool);

// A median of answer times below the floor is nothing that anybody waits for.
inline constexpr std::chrono::nanoseconds kSlowFloor = std::chrono::milliseconds(20);
inline constexpr int kSlowFactor = 5;

struct AnswerTimes {
  std::uint64_t answers = 0;
  std::chrono::nanoseconds median{};
  bool well = true;  // most of them are neither failures nor refusals
};
struct SlowNode {
  std::size_t index;
  std::chrono::nanoseconds bound;  // what it was over
};

// Those whose median is over five times the median of all medians, and over the floor; of two, over five
// times the other's. Who does not answer well is quick for other reasons, and none to be compared with.
std::vector<SlowNode> slow_nodes(std::span<const AnswerTimes> pool);

}  // namespace weir::health
