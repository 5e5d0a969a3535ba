#include "health/outlier.h"

#include <algorithm>
#include <cmath>

namespace weir::health {
namespace {

constexpr double kDeviations = 3.5;
constexpr double kLeastShare = 0.1;
constexpr double kTimesTheRest = 3;

double share_of(const AnswerCounts& counts) {
  return static_cast<double>(counts.failures) / static_cast<double>(counts.answers);
}

// Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
double least_share(const AnswerCounts& counts) {
  const auto n = static_cast<double>(counts.answers);
  const double share = share_of(counts), z2 = kDeviations * kDeviations;
  const double spread = kDeviations * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return (share + z2 / (2 * n) - spread) / (1 + z2 / n);
}

}  // namespace

AnswerCounts& AnswerCounts::operator+=(const AnswerCounts& other) {
  answers += other.answers;
  failures += other.failures;
  refusals += other.refusals;
  return *this;
}

AnswerCounts AnswerCounts::operator-(const AnswerCounts& other) const {
  return {answers - other.answers, failures - other.failures, refusals - other.refusals};
}

std::vector<std::size_t> failing_nodes(std::span<const AnswerCounts> pool) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (pool[i].answers >= kLeastAnswers) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return share_of(pool[a]) < share_of(pool[b]); });
  AnswerCounts rest;
  const std::size_t better = order.size() / 2;
  for (std::size_t i = 0; i < better; ++i) rest += pool[order[i]];
  std::vector<std::size_t> failing;
  for (std::size_t i = better; i < order.size() && better > 0; ++i)
    if (least_share(pool[order[i]]) > std::max(kLeastShare, kTimesTheRest * share_of(rest)))
      failing.push_back(order[i]);
  return failing;
}

std::vector<SlowNode> slow_nodes(std::span<const AnswerTimes> pool) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (pool[i].answers >= kLeastTimedAnswers && pool[i].well) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return pool[a].median < pool[b].median; });
  std::vector<SlowNode> slow;
  if (order.size() < 2) return slow;
  const std::size_t middle = order.size() == 2 ? 0 : order.size() / 2;
  const std::chrono::nanoseconds bound =
      std::max<std::chrono::nanoseconds>(kSlowFloor, kSlowFactor * pool[order[middle]].median);
  for (std::size_t i = middle + 1; i < order.size(); ++i)
    if (pool[order[i]].median > bound) slow.push_back({order[i], bound});
  return slow;
}

}  // namespace weir::health
