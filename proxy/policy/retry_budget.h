// How many retries a pool affords: a share of its requests, or a few a second where that is more, so that
// nodes which fail under their load are not given several times as much. A share that is not used is saved
// up, but no more than a quarter of a second's: who saved for longer would spend it all as a storm begins.
// One for all workers; any thread. Exact: what all spend together keeps to it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "proxy/base/time.h"

namespace weir::policy {

// A pool's requests.
struct PoolTraffic {
  std::uint64_t total = 0;
  std::uint64_t recent = 0;  // of these, in the last ten seconds
};

class RetryBudget {
 public:
  static constexpr std::uint32_t kLeastRate = 3;    // retries a second
  static constexpr std::uint32_t kLeastSaved = 30;  // of these

  // Whether one more retry may be made now, which is spent then; `percent` of the requests,
  // 0: never.
  bool spend(base::Time now, const PoolTraffic& traffic, std::uint32_t percent);
  // Whether it would be, as far as others leave it.
  bool affords(base::Time now, const PoolTraffic& traffic, std::uint32_t percent) const;

 private:
  // What would be used of the share by one more, whose cost is the least of it: of no more than `all`.
  struct Share {
    std::uint64_t all, forfeited, cost;
    std::uint64_t after(std::uint64_t used) const { return std::max(used, forfeited) + cost; }
  };
  static Share share_of(const PoolTraffic& traffic, std::uint32_t percent);
  bool spend_share(const Share& share);
  enum class Debt : std::uint8_t { refused, kept };
  bool spend_least(base::Time now, Debt debt);

  std::atomic<std::uint64_t> used_{0};  // requests, in thousandths, whose shares are spent or forfeited
  // When all that was spent will have been earned at the least rate; before now: there is something saved.
  std::atomic<base::Time::rep> earned_at_{0};
};

}  // namespace weir::policy
