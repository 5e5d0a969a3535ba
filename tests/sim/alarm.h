// One thing that its owner does later, by a timer of its own.
#pragma once

#include "proxy/io/timer.h"

namespace weir::sim {

template <class Owner>
class Alarm final : io::TimerHandler {
 public:
  Alarm(io::TimerWheel& wheel, Owner& owner, void (Owner::*what)())
      : timer_(wheel, *this), owner_(owner), what_(what) {}
  void set(base::Time at) { timer_.set(at); }
  void cancel() { timer_.cancel(); }
  bool is_set() const { return timer_.at() != base::kNever; }
  base::Time at() const { return timer_.at(); }

 private:
  void on_timer() override { (owner_.*what_)(); }

  io::Timer timer_;
  Owner& owner_;
  void (Owner::*what_)();
};

}  // namespace weir::sim
