// How long a route's nodes take until the head of their answer, over all workers, of late: what a hedge that
// is given as a percentile waits for. A worker notes into a share of its own; whoever asks first after a
// while adds the shares up, and the others take what it found. Lives as long as its route has such a hedge.
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "proxy/base/time.h"
#include "proxy/observe/count.h"
#include "proxy/observe/latency.h"

namespace weir::core {

class HeadTimes {
 public:
  static constexpr std::uint64_t kLeastSamples = 20;
  static constexpr base::Duration kLeastTime = std::chrono::milliseconds(1);

  explicit HeadTimes(std::size_t workers) : shares_(workers) {}

  void note(std::size_t worker, base::Duration span) { shares_.of(worker).latency.observe(span); }
  // The time that so many percent of the latest did not exceed, kLeastTime at least; none: there are too few.
  std::optional<base::Duration> under(std::uint32_t percent, base::Time now) {
    if (now.time_since_epoch().count() >= due_at_.load(std::memory_order_relaxed)) update(percent, now);
    const base::Duration found(found_.load(std::memory_order_relaxed));
    return found < base::Duration::zero() ? std::nullopt : std::optional(found);
  }

 private:
  static constexpr base::Duration kEvery = std::chrono::milliseconds(250);
  static constexpr base::Duration kWindow = std::chrono::seconds(10);  // once to twice as long is looked back

  void update(std::uint32_t percent, base::Time now);
  void look(std::uint32_t percent, base::Time now);

  struct alignas(64) Share {
    observe::Latency latency;
  };
  observe::PerWorker<Share> shares_;
  std::atomic<base::Time::rep> due_at_{0};
  std::atomic<base::Duration::rep> found_{-1};
  std::atomic<bool> busy_{false};  // one thread looks; what follows is its own meanwhile
  observe::Latency::Reading newer_{}, older_{};
  base::Time newer_at_{};
};

}  // namespace weir::core
