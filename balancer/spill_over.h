// How the work of a pool is spread over its tiers: a tier takes all of it as long as 71 % of its nodes, by
// weight, can take any; below that, as much less as is missing, and the next tier takes what is left, by the
// same rule. Where all of them together cannot take everything, each takes more in proportion. A function of
// its arguments.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weir::balancer {

// Of one tier, as weights.
struct TierStrength {
  std::uint64_t usable = 0;  // of the nodes that can take work now
  std::uint64_t whole = 0;   // of all
};

// A tier can take this many percent of what its usable nodes are of it.
inline constexpr std::uint64_t kTierReserve = 140;

// Each tier's part of the work, in order, as the smallest whole numbers in these proportions, to within a
// ten-thousandth; all 0 where nothing can take any. A tier that can take work and is wanted gets some.
std::vector<std::uint32_t> spill_over(std::span<const TierStrength> tiers);

}  // namespace weir::balancer
