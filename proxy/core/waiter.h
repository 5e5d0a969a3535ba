// Who waits for a place at a pool: its side of PoolGate's queue. What derives from it takes places; this
// decides when it tries to, hands on the calls that it cannot use, and counts how long it waited and what
// became of that. Part of an exchange or a raw connection; loop thread only.
#pragma once

#include "proxy/base/error.h"
#include "proxy/core/pool_shared.h"
#include "proxy/core/queue_desk.h"

namespace weir::core {

class Waiter : policy::Waiting {
 public:
  // placed: there was a place after all, and it has it.
  enum class Outcome : std::uint8_t { placed, waits, full };

  bool waits() const { return gate_ != nullptr; }

 protected:
  Waiter() = default;
  ~Waiter() = default;

  // Until it is placed, is told on_shed(), or stops waiting. `share`, of the pool's counts, outlives that.
  // `again`: it has been served in part, and goes before all that have not.
  enum class Standing : std::uint8_t { first, again };
  Outcome wait_at(PoolGate& gate, PoolShare& share, QueueDesk& desk, const policy::ClientKey& client,
                  Standing standing);
  void stop_waiting_for_place();
  void time_out();  // likewise, since it has waited for too long
  base::Time waits_since() const { return since_; }
  base::Duration waited() const { return waited_; }  // in all
  void forget_waits() { waited_ = {}; }
  void add_wait(base::Duration span) { waited_ += span; }  // for something else than a place

  // Takes a place, and keeps it; false: there is none for it.
  virtual bool take_place() = 0;
  // There seems to be one, for others at least. Who has been tried nowhere misses none.
  virtual bool sees_room() const = 0;
  // It is called; false: it does not want to wait there any more, or is over.
  virtual bool on_called() = 0;
  // It has the place, and waits no longer.
  virtual void on_placed() = 0;
  // Another configuration is in force, or a node has changed: there may be nothing to wait for any more, or
  // less time.
  virtual void on_change() = 0;
  // It waits no longer.
  virtual void on_shed(base::Reason why) = 0;

 private:
  friend PoolGate;
  friend QueueDesk;

  void tell(QueueDesk::News news) { desk_->post(number_, news); }  // under the gate's lock
  void hear(QueueDesk::News news);
  void use_call();
  void settle(PoolGate& gate);
  PoolGate& end_stay();
  PoolGate& leave_desk();

  PoolGate* gate_ = nullptr;  // nullptr: it does not wait
  PoolShare* share_ = nullptr;
  QueueDesk* desk_ = nullptr;
  QueueDesk::Number number_ = 0;
  Standing standing_ = Standing::first;
  base::Time since_{};
  base::Duration waited_{};
};

}  // namespace weir::core
