#include "proxy/core/waiter.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::core {

void QueueDesk::deliver(Number told) {
  const auto found = waiters_.find(told >> 2);
  if (found != waiters_.end()) found->second->hear(static_cast<News>(told & 3));
}

// In the order in which they came. Some leave meanwhile.
void QueueDesk::tell_all() {
  std::vector<Number> numbers;
  numbers.reserve(waiters_.size());
  for (const auto& [number, waiter] : waiters_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (const Number number : numbers) {
    const auto found = waiters_.find(number);
    if (found != waiters_.end()) found->second->on_change();
  }
}

// Whoever is alone tries once more, since a place may have been left before it was known that it waits. Who
// is not leaves that to those that were called before it, and hand their calls on. Where none is called those
// before it may wait for what it can do without: a node that they have not tried.
Waiter::Outcome Waiter::wait_at(PoolGate& gate, PoolShare& share, QueueDesk& desk,
                                const policy::ClientKey& client, Standing standing) {
  gate_ = &gate;
  share_ = &share;
  desk_ = &desk;
  standing_ = standing;
  number_ = desk.enter(*this);
  since_ = desk.runtime().now();
  const PoolGate::Joined joined =
      standing == Standing::again ? gate.join_again(*this, since_) : gate.join(*this, client, since_);
  if (joined == PoolGate::Joined::full) {
    leave_desk();
    share.queue_full.add();
    return Outcome::full;
  }
  if (joined == PoolGate::Joined::uncalled && sees_room()) gate.call(PoolGate::Call::on);
  if (joined != PoolGate::Joined::alone || !take_place()) return Outcome::waits;
  settle(leave_desk());
  return Outcome::placed;
}

void Waiter::stop_waiting_for_place() {
  if (gate_ == nullptr) return;
  PoolGate& gate = end_stay();
  if (gate.part(*this)) gate.call(PoolGate::Call::on);
}

void Waiter::time_out() {
  share_->queue_timeout.add();
  stop_waiting_for_place();
}

// However it ended.
PoolGate& Waiter::end_stay() {
  const base::Duration stay = desk_->runtime().now() - since_;
  waited_ += stay;
  share_->queued.observe(stay);
  return leave_desk();
}

PoolGate& Waiter::leave_desk() {
  desk_->leave(number_);
  return *std::exchange(gate_, nullptr);
}

void Waiter::hear(QueueDesk::News news) {
  if (news == QueueDesk::News::call) return use_call();
  const bool full = news == QueueDesk::News::pushed_out;
  (full ? share_->queue_full : share_->shed).add();
  end_stay();
  on_shed(full ? base::Reason::queue_full : base::Reason::queue_timeout);
}

// In the line again it tries once more, for the same reason as who comes. What it cannot use another one may
// that has not been tried there; but whoever has been tried nowhere could use any place, so that where it
// sees none there is none. So a place that came free in vain, at a node that has gone down, costs one call,
// not one for each that waits. What comes free after it has looked is told of anew.
void Waiter::use_call() {
  PoolGate& gate = *gate_;
  gate.shed(desk_->runtime().now());
  if (!on_called()) return;
  bool placed = take_place();
  if (!placed) {
    gate.put_back(*this);
    placed = take_place();
  }
  if (placed) {
    settle(end_stay());
    return on_placed();
  }
  if (standing_ == Standing::again || sees_room()) gate.call(PoolGate::Call::on);
}

// It has a place, and there may be more: whoever left them may have found nobody to tell but this one.
void Waiter::settle(PoolGate& gate) {
  gate.part(*this);
  if (gate.is_waited_for() && sees_room()) gate.call(PoolGate::Call::on);
}

}  // namespace weir::core
