#include "proxy/core/pool_gate.h"

#include "proxy/core/waiter.h"

namespace weir::core {

// Taking and leaving a place is seq_cst because of who waits for one: a waiter makes itself known and then
// tries once more to take a place, a leaver lowers the count and then looks for waiters. With a weaker order
// both may look before they see the other's write, and a place stays idle while somebody waits.
bool PoolGate::try_enter() {
  const std::uint64_t most = bound();
  std::uint64_t held = in_flight_.load(std::memory_order_seq_cst);
  while (held < most)
    if (in_flight_.compare_exchange_weak(held, held + 1, std::memory_order_seq_cst)) return true;
  return false;
}

void PoolGate::leave() {
  in_flight_.fetch_sub(1, std::memory_order_seq_cst);
  if (present_.load(std::memory_order_seq_cst) != 0) call(Call::anew);
}

// Without limits all that wait have their turn.
void PoolGate::use(const Terms& terms) {
  std::uint64_t gone = 0;
  {
    const std::lock_guard lock(mutex_);
    line_.set_size(terms.queue_size);
    line_.set_longest_wait(terms.queue_timeout);
    while (terms.limits) {
      policy::Waiting* one = line_.turn_away();
      if (one == nullptr) break;
      static_cast<Waiter*>(one)->tell(QueueDesk::News::pushed_out);
      ++gone;
    }
  }
  if (gone > 0) present_.fetch_sub(gone, std::memory_order_seq_cst);
  most_.store(terms.most_in_flight, std::memory_order_seq_cst);
  limits_.store(terms.limits, std::memory_order_seq_cst);
}

// The waiter's worker is told under the lock: who has been called cannot part, and its loop end, before that.
void PoolGate::call(Call how) {
  const std::lock_guard lock(mutex_);
  if (how == Call::anew) line_.begin_round();
  if (policy::Waiting* one = line_.call()) static_cast<Waiter*>(one)->tell(QueueDesk::News::call);
}

PoolGate::Joined PoolGate::join(Waiter& waiter, const policy::ClientKey& client, base::Time now) {
  present_.fetch_add(1, std::memory_order_seq_cst);
  policy::WaitingLine::Entry entry;
  Joined joined = Joined::full;
  {
    const std::lock_guard lock(mutex_);
    entry = line_.add(waiter, client, now);
    if (entry.admitted) joined = standing(waiter);
    if (entry.sent_away != nullptr) static_cast<Waiter*>(entry.sent_away)->tell(QueueDesk::News::pushed_out);
  }
  if (!entry.admitted || entry.sent_away != nullptr) present_.fetch_sub(1, std::memory_order_seq_cst);
  shed(now);
  return joined;
}

PoolGate::Joined PoolGate::standing(const Waiter& waiter) const {
  if (line_.nobody_else(waiter)) return Joined::alone;
  return line_.nobody_called() ? Joined::uncalled : Joined::behind;
}

PoolGate::Joined PoolGate::join_again(Waiter& waiter, base::Time now) {
  present_.fetch_add(1, std::memory_order_seq_cst);
  const std::lock_guard lock(mutex_);
  line_.add_back(waiter, now);
  return standing(waiter);
}

void PoolGate::put_back(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  line_.return_called(waiter);
}

bool PoolGate::part(Waiter& waiter) {
  using Spot = policy::Waiting::Spot;
  Spot spot = Spot::outside;
  {
    const std::lock_guard lock(mutex_);
    spot = waiter.spot();
    line_.remove(waiter);
  }
  if (spot != Spot::outside) present_.fetch_sub(1, std::memory_order_seq_cst);
  return spot == Spot::called;
}

// The rest goes the next time: many join, and are called, while a queue stands.
void PoolGate::shed(base::Time now) {
  std::uint64_t gone = 0;
  {
    const std::lock_guard lock(mutex_);
    while (gone < kMostShed) {
      policy::Waiting* one = line_.shed(now);
      if (one == nullptr) break;
      static_cast<Waiter*>(one)->tell(QueueDesk::News::shed);
      ++gone;
    }
  }
  if (gone > 0) present_.fetch_sub(gone, std::memory_order_seq_cst);
}

}  // namespace weir::core
