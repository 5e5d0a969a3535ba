// How often something happened, in all and in the last ten seconds. One thread adds, any may read; adding
// costs a few loads and stores.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "proxy/base/time.h"
#include "proxy/observe/count.h"

namespace weir::observe {

class RecentCount {
 public:
  static constexpr std::int64_t kSeconds = 10;  // that are whole; the present one comes on top

  void add(base::Time now) {
    const std::uint64_t second = second_of(now);
    std::atomic<std::uint64_t>& cell = cells_[second % cells_.size()];
    const std::uint64_t word = cell.load(std::memory_order_relaxed);
    const bool same = word >> kCountBits == second;
    total_.add();
    cell.store(same ? word + 1 : second << kCountBits | 1, std::memory_order_relaxed);
  }

  std::uint64_t total() const { return total_.get(); }
  std::uint64_t recent(base::Time now) const {
    const std::uint64_t present = second_of(now);
    std::uint64_t sum = 0;
    for (const std::atomic<std::uint64_t>& cell : cells_) {
      const std::uint64_t word = cell.load(std::memory_order_relaxed);
      const std::uint64_t second = word >> kCountBits;
      // Another thread's time may be a little ahead.
      if (second + kSeconds >= present && second <= present + 1) sum += word & kCountMask;
    }
    return sum;
  }

 private:
  static constexpr unsigned kCountBits = 32;
  static constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;
  static std::uint64_t second_of(base::Time now) {
    return static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::seconds(1));
  }

  Count total_;
  std::array<std::atomic<std::uint64_t>, 16> cells_{};  // by second: which one, and how often
};

}  // namespace weir::observe
