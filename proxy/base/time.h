// Time inside Weir: a monotonic point and a span, in nanoseconds. Nothing below the runtime reads a clock;
// the present is passed in.
#pragma once

#include <chrono>

namespace weir::base {

struct Monotonic {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};

using Duration = Monotonic::duration;
using Time = Monotonic::time_point;

inline constexpr Time kNever = Time::max();

// The instant `after` from `now`; an infinite wait (Duration::max) is never over.
constexpr Time deadline(Time now, Duration after) {
  return after >= kNever - now ? kNever : now + after;
}

}  // namespace weir::base
