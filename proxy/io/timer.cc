#include "proxy/io/timer.h"

#include <algorithm>

namespace weir::io {

namespace {

std::int64_t tick_before(base::Time at) {
  return at.time_since_epoch() / TimerWheel::kTick;
}

}  // namespace

void Timer::set(base::Time at) {
  at_ = at;
  if (at == base::kNever) return;
  if (linked()) {
    if (TimerWheel::tick_after(at) >= tick_) return;  // the sweep of tick_ will move it on
    unlink();
  }
  wheel_.link(*this);
}

void TimerWheel::advance(base::Time now) {
  const std::int64_t last = tick_after(now);
  const std::int64_t first = std::max(done_ + 1, last - static_cast<std::int64_t>(kSlots) + 1);
  done_ = std::max(done_, tick_before(now));
  if (soonest_ > last) return;

  base::IntrusiveList<Timer, TimerTag> due;
  for (std::int64_t tick = first; tick <= last; ++tick) due.splice(slots_[tick % kSlots]);
  soonest_ = done_ + 1;
  while (!due.empty()) {
    Timer& timer = due.pop_front();
    if (timer.at_ == base::kNever) continue;
    if (timer.at_ > now) {
      link(timer);
    } else {
      timer.at_ = base::kNever;
      timer.handler_.on_timer();
    }
  }
  soonest_ = first_linked();
}

base::Time TimerWheel::next() const {
  return soonest_ == INT64_MAX ? base::kNever : base::Time(soonest_ * kTick);
}

std::int64_t TimerWheel::tick_after(base::Time at) {
  const std::int64_t tick = tick_before(at);
  return base::Time(tick * kTick) < at ? tick + 1 : tick;
}

// A timer further away than one round waits in the last slot of this round: so every slot holds timers of one
// tick, and the first slot in use tells when to wake.
void TimerWheel::link(Timer& timer) {
  const std::int64_t furthest = done_ + static_cast<std::int64_t>(kSlots) - 1;
  timer.tick_ = std::clamp(tick_after(timer.at_), done_ + 1, furthest);
  slots_[timer.tick_ % kSlots].push_back(timer);
  soonest_ = std::min(soonest_, timer.tick_);
}

std::int64_t TimerWheel::first_linked() const {
  for (std::int64_t tick = done_ + 1; tick < done_ + static_cast<std::int64_t>(kSlots); ++tick) {
    if (!slots_[tick % kSlots].empty()) return tick;
  }
  return INT64_MAX;
}

}  // namespace weir::io
