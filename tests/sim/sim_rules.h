// How the simulated network and its kernels behave. Durations are drawn evenly from zero (or the minimum) to
// the maximum.
#pragma once

#include <cstddef>

#include "proxy/base/time.h"

namespace weir::sim {

struct SimRules {
  base::Duration min_delay{};  // of a segment, a FIN, a RST, a handshake step
  base::Duration max_delay{};
  base::Duration max_lag{};        // from something being ready until its loop polls
  base::Duration max_timer_lag{};  // from a timer's time until its loop wakes for it
  base::Duration max_mail_delay{};
  std::size_t min_buffer = 65536;  // what the kernels hold of one direction, both ends together
  std::size_t max_buffer = 65536;
  unsigned split_percent = 0;        // of reads and segments, cut at any byte
  unsigned short_write_percent = 0;  // of writes, taken partly or not at all though there is room
  unsigned preempt_percent = 0;      // of callbacks, after which the other loops that are due turn first

  static SimRules calm() { return {}; }
  static SimRules hostile() {
    using std::chrono::microseconds;
    return {.min_delay = microseconds(1),
            .max_delay = microseconds(20'000),
            .max_lag = microseconds(2'000),
            .max_mail_delay = microseconds(50'000),
            .min_buffer = 1,
            .max_buffer = 262'144,
            .split_percent = 50,
            .short_write_percent = 30,
            .preempt_percent = 10};
  }
};

}  // namespace weir::sim
