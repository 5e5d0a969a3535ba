// Draws positions at random, each as often as its weight says, in constant time: the alias method (Walker,
// 1977; table built as by Vose, 1991).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "balancer/rng.h"

namespace weir::balancer {

class WeightedDraw {
 public:
  // The weights are positive and their sum is below 2^32.
  void rebuild(std::span<const std::uint32_t> weights);

  // Not to be called while there are no weights.
  std::uint32_t draw(Rng& rng) const {
    const std::uint32_t column = rng.below(static_cast<std::uint32_t>(columns_.size()));
    const Column& drawn = columns_[column];
    return rng.below(total_) < drawn.own ? column : drawn.alias;
  }

 private:
  // Of `total_` parts of this column, the first `own` are its own position's, the rest the alias's.
  struct Column {
    std::uint32_t own;
    std::uint32_t alias;
  };
  std::vector<Column> columns_;
  std::uint32_t total_ = 0;
};

}  // namespace weir::balancer
