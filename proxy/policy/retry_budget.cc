#include "proxy/policy/retry_budget.h"

#include <algorithm>
#include <chrono>

namespace weir::policy {
namespace {

constexpr std::uint64_t kThousandths = 1000;
constexpr std::uint64_t kSaves =
    40;  // one in so many recent requests: of ten seconds' a quarter of a second's

}  // namespace

// What the share pays for counts against the least rate too: that is no gift on top.
bool RetryBudget::spend(base::Time now, const PoolTraffic& traffic, std::uint32_t percent) {
  if (percent == 0) return false;
  if (!spend_share(traffic, percent)) return spend_least(now, Debt::refused);
  spend_least(now, Debt::kept);
  return true;
}

bool RetryBudget::spend_share(const PoolTraffic& traffic, std::uint32_t percent) {
  const std::uint64_t cost = 100 * kThousandths / percent;
  const std::uint64_t all = traffic.total * kThousandths;
  const std::uint64_t saved = std::max(cost, traffic.recent * kThousandths / kSaves);
  const std::uint64_t forfeited = all - std::min(all, saved);
  std::uint64_t before = used_.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t after = std::max(before, forfeited) + cost;
    if (after > all) return false;
    if (used_.compare_exchange_weak(before, after, std::memory_order_relaxed)) return true;
  }
}

bool RetryBudget::spend_least(base::Time now, Debt debt) {
  constexpr base::Duration kInterval = base::Duration(std::chrono::seconds(1)) / kLeastRate;
  const base::Time latest = now + kInterval * kLeastSaved;
  base::Time::rep before = earned_at_.load(std::memory_order_relaxed);
  for (;;) {
    const base::Time after = std::max(base::Time(base::Duration(before)), now) + kInterval;
    if (after > latest && debt == Debt::refused) return false;
    if (earned_at_.compare_exchange_weak(before, std::min(after, latest).time_since_epoch().count(),
                                         std::memory_order_relaxed))
      return true;
  }
}

}  // namespace weir::policy
