#include "balancer/spill_over.h"

#include <algorithm>
#include <numeric>

namespace weir::balancer {
namespace {

constexpr std::uint64_t kAll = 10'000;

std::uint64_t can_take(const TierStrength& tier) {
  if (tier.usable == 0) return 0;
  return std::clamp<std::uint64_t>(tier.usable * (kAll / 100 * kTierReserve) / tier.whole, 1, kAll);
}

}  // namespace

std::vector<std::uint32_t> spill_over(std::span<const TierStrength> tiers) {
  std::vector<std::uint32_t> parts;
  parts.reserve(tiers.size());
  std::uint64_t left = kAll;
  std::uint32_t divisor = 0;
  for (const TierStrength& tier : tiers) {
    const auto part = static_cast<std::uint32_t>(std::min(left, can_take(tier)));
    left -= part;
    divisor = std::gcd(divisor, part);
    parts.push_back(part);
  }
  if (divisor > 1)
    for (std::uint32_t& part : parts) part /= divisor;
  return parts;
}

}  // namespace weir::balancer
