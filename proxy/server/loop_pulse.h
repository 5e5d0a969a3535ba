// How late a loop is: it notes each beat of a timer, and how much later than due it came, for whoever asks
// from another thread. While the loop is stuck its next beat is missing, which counts as well.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "proxy/io/runtime.h"

namespace weir::server {

class LoopPulse final : io::TimerHandler {
 public:
  static constexpr base::Duration kBeat = std::chrono::milliseconds(250);

  // Before the loop runs.
  explicit LoopPulse(io::Runtime& runtime) : runtime_(runtime), timer_(runtime.timers(), *this) { beat({}); }

  // Any thread, by the same clock.
  base::Duration lag(base::Time now) const {
    const base::Time due(base::Duration(due_.load(std::memory_order_relaxed)));
    return std::max(
        {now - due, base::Duration(late_.load(std::memory_order_relaxed)), base::Duration::zero()});
  }

 private:
  void on_timer() override { beat(runtime_.now() - timer_due_); }
  void beat(base::Duration late) {
    late_.store(late.count(), std::memory_order_relaxed);
    timer_due_ = runtime_.now() + kBeat;
    due_.store(timer_due_.time_since_epoch().count(), std::memory_order_relaxed);
    timer_.set(timer_due_);
  }

  io::Runtime& runtime_;
  io::Timer timer_;
  base::Time timer_due_{};
  std::atomic<base::Duration::rep> late_{0};
  std::atomic<base::Time::rep> due_{0};
};

}  // namespace weir::server
