// One node's health as its checks show it: availability and schedule together. Whoever makes the checks tells
// it how each ended, and does what it answers: carries out the transition, and checks again after the wait.
// It reads no clock and draws no random number. A plain value.
#pragma once

#include "health/availability.h"
#include "health/probe_schedule.h"

namespace weir::health {

class Monitor {
 public:
  struct Settings {
    Pace pace;
    std::uint32_t fall;
    std::uint32_t rise;
  };
  struct Step {
    std::optional<Transition> transition;
    Duration wait;  // until the next check, from the begin of this one
  };

  // The first check is due at once.
  Monitor(const Settings& settings, State begin);

  Step note(Outcome outcome, std::uint64_t random);
  std::optional<Transition> presume() { return availability_.presume(); }
  State state() const { return availability_.state(); }
  std::uint32_t failures() const { return availability_.failures(); }

 private:
  Availability availability_;
  ProbeSchedule schedule_;
};

}  // namespace weir::health
