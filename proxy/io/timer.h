// Deadlines, many and cheap. A Timer is set by storing a time; it is moved between the wheel's slots only
// when it would fire too early, so that a deadline that is pushed out at every request costs a store. A timer
// fires at most one tick late and never early. Loop thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/base/intrusive_list.h"
#include "proxy/base/time.h"

namespace weir::io {

class TimerWheel;
struct TimerTag;

class TimerHandler {
 public:
  virtual void on_timer() = 0;

 protected:
  ~TimerHandler() = default;
};

// One-shot. Fires by calling its handler's on_timer once its time has come; set it again to go on.
class Timer : public base::ListHook<TimerTag> {
 public:
  Timer(TimerWheel& wheel, TimerHandler& handler) : wheel_(wheel), handler_(handler) {}
  void set(base::Time at);  // kNever: off
  void cancel() { at_ = base::kNever; }
  base::Time at() const { return at_; }

 private:
  friend class TimerWheel;
  TimerWheel& wheel_;
  TimerHandler& handler_;
  base::Time at_ = base::kNever;
  std::int64_t tick_ = 0;  // the tick whose slot it is linked into
};

class TimerWheel {
 public:
  static constexpr base::Duration kTick = std::chrono::milliseconds(10);

  // Fires every timer whose time is at or before `now`.
  void advance(base::Time now);
  // When advance should be called next at the latest; kNever if no timer is linked. It may be too early (a
  // timer was pushed out since), never too late.
  base::Time next() const;

 private:
  friend class Timer;
  static constexpr std::size_t kSlots = 1024;
  static std::int64_t tick_after(base::Time at);  // the first tick at or after `at`
  void link(Timer& timer);
  std::int64_t first_linked() const;

  std::array<base::IntrusiveList<Timer, TimerTag>, kSlots> slots_;
  std::int64_t done_ = 0;             // every tick up to here has been swept
  std::int64_t soonest_ = INT64_MAX;  // no linked timer is due at an earlier tick
};

}  // namespace weir::io
