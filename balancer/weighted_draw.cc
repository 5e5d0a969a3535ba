#include "balancer/weighted_draw.h"

#include <numeric>

namespace weir::balancer {

// In units of 1/n of a weight every column holds `total`. Positions with less than a full column get what is
// missing from one with more, which then may itself have become short.
void WeightedDraw::rebuild(std::span<const std::uint32_t> weights) {
  total_ = std::accumulate(weights.begin(), weights.end(), std::uint32_t{0});
  columns_.assign(weights.size(), Column{total_, 0});
  std::vector<std::uint64_t> left(weights.size());
  std::vector<std::uint32_t> shorts;
  std::vector<std::uint32_t> fulls;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    left[i] = std::uint64_t{weights[i]} * weights.size();
    (left[i] < total_ ? shorts : fulls).push_back(i);
  }
  while (!shorts.empty()) {
    const std::uint32_t receiver = shorts.back();
    const std::uint32_t giver = fulls.back();
    shorts.pop_back();
    columns_[receiver] = {static_cast<std::uint32_t>(left[receiver]), giver};
    left[giver] -= total_ - left[receiver];
    if (left[giver] < total_) {
      fulls.pop_back();
      shorts.push_back(giver);
    }
  }
}

}  // namespace weir::balancer
