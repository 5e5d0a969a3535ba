// How fast requests of one key may come: the generic cell rate algorithm (ITU-T I.371), which needs one
// number a key. Pure: time is passed in, and the number is the caller's to keep.
#pragma once

#include <cstdint>

#include "proxy/base/time.h"

namespace weir::policy {

// `burst` requests at once, and from then on one each `interval`. Both are 1 at least.
struct RatePace {
  base::Duration interval{1};
  std::uint64_t burst = 1;

  // The longest that a key can be ahead of its pace.
  base::Duration most_ahead() const { return interval * static_cast<base::Duration::rep>(burst); }
};

// What became of a request.
struct RateVerdict {
  bool admitted = false;
  std::uint64_t left = 0;    // requests that would be admitted at this moment
  base::Duration wait{};     // until the next would be; zero while some are left
  base::Duration renewal{};  // until as many are left as ever
};

// Whoever asks may be some milliseconds behind others that have asked. `due` is when the key would have used
// up what it has asked for, and moves on if the request is admitted. A key that was never seen, or not for
// long, is due in the past.
RateVerdict spend(base::Time& due, base::Time now, const RatePace& pace);

}  // namespace weir::policy
