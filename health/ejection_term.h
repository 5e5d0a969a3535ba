// For how long a node is left out that requests have shown to fail: the first time for `time`, then twice as
// long each time, up to `most`. Where nothing could connect, how often it is tried meanwhile. And when it has
// served well for long enough that the next time is the first again. Functions of their arguments.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::health {

struct EjectionTerm {
  using Duration = std::chrono::nanoseconds;
  static constexpr Duration kRetry = std::chrono::milliseconds(200);
  static constexpr std::uint32_t kMostDoublings = 24;

  Duration time;
  Duration most;

  // Of the n-th ejection, from 1 on.
  constexpr Duration of(std::uint32_t nth) const { return grown(time, nth); }
  // Until the first look whether it accepts connections again; each look after that follows kRetry later.
  // `in_a_row`: ejections for that reason without a return to full service between, from 1 on.
  constexpr Duration until_first_look(std::uint32_t in_a_row) const { return grown(kRetry, in_a_row); }
  // Of good service, after the n-th ejection.
  constexpr Duration until_forgotten(std::uint32_t nth) const { return std::max(6 * time, 2 * of(nth)); }

 private:
  constexpr Duration grown(Duration first, std::uint32_t nth) const {
    const std::uint32_t doublings = std::min(nth > 0 ? nth - 1 : 0, kMostDoublings);
    return std::max(first, std::min(most, first * (std::int64_t{1} << doublings)));
  }
};

}  // namespace weir::health
