#include "proxy/policy/retry_budget.h"

#include <algorithm>
#include <chrono>

namespace weir::policy {
namespace {

constexpr std::uint64_t kThousandths = 1000;
constexpr std::uint64_t kSaves =
    40;  // one in so many recent requests: of ten seconds' a quarter of a second's
constexpr base::Duration kInterval = base::Duration(std::chrono::seconds(1)) / RetryBudget::kLeastRate;

}  // namespace

// What the share pays for counts against the least rate too: that is no gift on top.
bool RetryBudget::spend(base::Time now, const PoolTraffic& traffic, std::uint32_t percent) {
  if (percent == 0) return false;
  if (!spend_share(share_of(traffic, percent))) return spend_least(now, Debt::refused);
  spend_least(now, Debt::kept);
  return true;
}

bool RetryBudget::affords(base::Time now, const PoolTraffic& traffic, std::uint32_t percent) const {
  if (percent == 0) return false;
  const Share share = share_of(traffic, percent);
  if (share.after(used_.load(std::memory_order_relaxed)) <= share.all) return true;
  const base::Time earned(base::Duration(earned_at_.load(std::memory_order_relaxed)));
  return std::max(earned, now) + kInterval <= now + kInterval * kLeastSaved;
}

RetryBudget::Share RetryBudget::share_of(const PoolTraffic& traffic, std::uint32_t percent) {
  const std::uint64_t cost = 100 * kThousandths / percent;
  const std::uint64_t all = traffic.total * kThousandths;
  const std::uint64_t saved = std::max(cost, traffic.recent * kThousandths / kSaves);
  return {all, all - std::min(all, saved), cost};
}

bool RetryBudget::spend_share(const Share& share) {
  std::uint64_t before = used_.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t after = share.after(before);
    if (after > share.all) return false;
    if (used_.compare_exchange_weak(before, after, std::memory_order_relaxed)) return true;
  }
}

bool RetryBudget::spend_least(base::Time now, Debt debt) {
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
