// The share of its weight that a node gets which is new, or has come back: from a tenth on, in tenths, in
// equal steps until the whole time has passed. A function of its arguments.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::health {

inline constexpr std::uint32_t kWholeShare = 10;

constexpr std::uint32_t slow_share(std::chrono::nanoseconds elapsed, std::chrono::nanoseconds time) {
  if (elapsed >= time) return kWholeShare;
  return 1 + static_cast<std::uint32_t>(std::max<std::int64_t>(elapsed.count(), 0) /
                                        std::max<std::int64_t>(time.count() / (kWholeShare - 1), 1));
}

// When the next step is due after that.
constexpr std::chrono::nanoseconds next_slow_step(std::chrono::nanoseconds elapsed,
                                                  std::chrono::nanoseconds time) {
  const std::int64_t step = std::max<std::int64_t>(time.count() / (kWholeShare - 1), 1);
  return std::chrono::nanoseconds((std::max<std::int64_t>(elapsed.count(), 0) / step + 1) * step);
}

}  // namespace weir::health
