// Learns a node's limit (policy::AdaptiveLimit) from what all workers see of it: each counts in a share of
// its own, and whoever comes first once a window is over adds the shares up and sets the node's limit. Made
// when the node's limit is first to be learned, and there as long as its Endpoint; at work while the
// configuration says so. Any thread.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "balancer/node.h"
#include "proxy/base/time.h"
#include "proxy/core/pool_gate.h"
#include "proxy/observe/count.h"
#include "proxy/policy/adaptive_limit.h"

namespace weir::core {

class LimitLearner {
 public:
  explicit LimitLearner(std::size_t workers) : shares_(workers) {}

  // Control thread. From now on the node's limit is what is learned, going on from what was; or no longer,
  // but `limit`, whatever a worker sets that learns just now.
  void begin(balancer::Node& node);
  void end(balancer::Node& node, std::uint64_t limit);
  bool at_work() const { return at_work_.load(std::memory_order_relaxed); }

  // Workers. The node has begun its final answer, `took` after it had the request; or it has said, by that or
  // by giving none, that it has too much to do.
  void note_answer(std::size_t worker, base::Duration took, balancer::Node& node);
  void note_overload(std::size_t worker) { shares_.of(worker).overloads.add(); }
  // Whether a window is over; where it raises the limit, who waits at the gate hears of that.
  void look(base::Time now, balancer::Node& node, PoolGate& gate) {
    if (is_over(now)) learn(now, node, gate);
  }
  // After an overload: it may be too much already.
  void look_at_overload(base::Time now, balancer::Node& node, PoolGate& gate) { learn(now, node, gate); }

 private:
  struct alignas(64) Share {
    observe::Count answers;
    observe::Count logs;  // in units of 1/kLogUnit
    observe::Count overloads;
    mutable std::atomic<std::uint64_t> most_in_flight{0};  // since the last window
  };
  static constexpr unsigned kLogBits = 10;
  static constexpr double kLogUnit = 1 << kLogBits;

  static std::uint64_t log2_of(base::Duration span);
  bool is_over(base::Time now) const {
    return now.time_since_epoch().count() >= next_.load(std::memory_order_relaxed);
  }
  void learn(base::Time now, balancer::Node& node, PoolGate& gate);

  observe::PerWorker<Share> shares_;
  std::atomic<bool> at_work_{false};
  std::atomic<std::uint64_t> given_{balancer::Node::kUnlimited};  // since it is no longer
  std::atomic<base::Time::rep> next_{0};                          // the present window is over then
  // Guards what follows; who finds it set leaves it to the other. No lock, for nobody is to wait.
  std::atomic<bool> learning_{false};
  policy::AdaptiveLimit limit_;
  std::uint64_t answers_ = 0, logs_ = 0, overloads_ = 0;  // of all shares, before the present window
};

}  // namespace weir::core
