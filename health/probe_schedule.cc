#include "health/probe_schedule.h"

namespace weir::health {
namespace {

// An evenly random part: from nothing to all of it.
Duration part(Duration whole, std::uint64_t random) {
  constexpr double kAll = 18446744073709551616.0;  // 2^64
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(whole.count()) * (static_cast<double>(random) / kAll)));
}

// The whole, up to so many percent shorter or longer.
Duration jittered(Duration whole, std::uint32_t percent, std::uint64_t random) {
  const Duration most = whole * percent / 100;
  return whole - most + part(2 * most, random);
}

}  // namespace

Duration ProbeSchedule::wait_after(Now now, std::uint64_t random) {
  const bool first = !begun_;
  begun_ = true;
  switch (now) {
    case Now::came_up:
      return part(pace_.interval, random);
    case Now::steady:
      return jittered(pace_.interval, pace_.jitter_percent, random);
    case Now::began_to_fail:
      return Duration::zero();
    case Now::unsteady:
      break;
  }
  if (first) return part(pace_.fast_interval, random);
  return jittered(pace_.fast_interval, pace_.jitter_percent, random);
}

}  // namespace weir::health
