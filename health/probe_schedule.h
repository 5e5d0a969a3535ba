// When a node is checked next: a wait, counted from the begin of the check that has just ended (never
// negative; where the check itself took longer, the next one is due at once). Chance is passed in, so that
// thousands of nodes spread evenly over the interval, and stay spread. It reads no clock. A plain value.
//
//   what has just happened                 | the next check
//   ---------------------------------------+---------------------------------------------------------------
//   the node came up (its first pass, or   | after an evenly random part of `interval`: nodes that came up
//     a return)                            |   together part ways
//   its first check failed                 | after an evenly random part of `fast_interval`
//   it failed, and had been steadily up    | at once: is it really failing?
//   it is steadily up                      | after `interval`, give or take `jitter`
//   anything else: failing, down, or       | after `fast_interval`, give or take `jitter`
//     collecting its passes                |
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::health {

using Duration = std::chrono::nanoseconds;

struct Pace {
  Duration interval;
  Duration fast_interval;
  std::uint32_t jitter_percent;  // 0..100
};

class ProbeSchedule {
 public:
  // What the check that has just ended made of the node.
  enum class Now : std::uint8_t { came_up, steady, began_to_fail, unsteady };

  explicit ProbeSchedule(const Pace& pace) : pace_(pace) {}

  // `random` is any number, all equally likely.
  Duration wait_after(Now now, std::uint64_t random);

 private:
  Pace pace_;
  bool begun_ = false;  // a check has ended
};

}  // namespace weir::health
