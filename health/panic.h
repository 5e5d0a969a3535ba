// The panic floor: soft verdicts may be as wrong as the checks and the statistics behind them, and where they
// would leave too few nodes to carry the load, all nodes together serve better than those few. A tier that
// has enough of them, be it of backups, serves in place of the others, so that there is panic only where none
// has. A function of its arguments.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::health {

struct TierCensus {
  std::size_t sound = 0;  // nodes that no verdict bars
  std::size_t soft = 0;   // that soft verdicts bar, and nothing else
};

// Fewer than `percent` of the nodes that no hard verdict bars are left by soft ones, in each tier that has
// any.
constexpr bool is_panic(std::span<const TierCensus> tiers, std::uint32_t percent) {
  const auto is_left_too_few = [percent](const TierCensus& tier) {
    return tier.sound + tier.soft == 0 || tier.sound * 100 < percent * (tier.sound + tier.soft);
  };
  return std::any_of(tiers.begin(), tiers.end(), [](const TierCensus& tier) { return tier.soft > 0; }) &&
         std::all_of(tiers.begin(), tiers.end(), is_left_too_few);
}

}  // namespace weir::health
