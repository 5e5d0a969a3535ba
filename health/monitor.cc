#include "health/monitor.h"

namespace weir::health {
namespace {

ProbeSchedule::Now what_happened(const Availability& before, const Availability& after,
                                 const std::optional<Transition>& transition) {
  using Now = ProbeSchedule::Now;
  if (transition && transition->to == State::up) return Now::came_up;
  if (after.steady()) return Now::steady;
  if (before.steady() && after.state() == State::up) return Now::began_to_fail;
  return Now::unsteady;
}

}  // namespace

Monitor::Monitor(const Settings& settings, State begin)
    : availability_(settings.fall, settings.rise, begin), schedule_(settings.pace) {}

Monitor::Step Monitor::note(Outcome outcome, std::uint64_t random) {
  const Availability before = availability_;
  const std::optional<Transition> transition = availability_.note(outcome);
  return {transition, schedule_.wait_after(what_happened(before, availability_, transition), random)};
}

}  // namespace weir::health
