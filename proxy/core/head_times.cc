#include "proxy/core/head_times.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace weir::core {

void HeadTimes::update(std::uint32_t percent, base::Time now) {
  if (busy_.exchange(true, std::memory_order_acquire)) return;
  look(percent, now);
  due_at_.store((now + kEvery).time_since_epoch().count(), std::memory_order_relaxed);
  busy_.store(false, std::memory_order_release);
}

void HeadTimes::look(std::uint32_t percent, base::Time now) {
  observe::Latency::Reading all{};
  for (const Share& share : shares_) share.latency.add_to(all);
  if (now - newer_at_ >= kWindow) {
    older_ = newer_;
    newer_ = all;
    newer_at_ = now;
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i] -= older_[i];
  const bool enough = std::accumulate(all.begin(), all.end(), std::uint64_t{0}) >= kLeastSamples;
  const base::Duration found =
      enough ? std::max(kLeastTime, observe::percentile(all, percent / 100.0)) : base::Duration(-1);
  found_.store(found.count(), std::memory_order_relaxed);
}

}  // namespace weir::core
