// How many requests a node can have at once before they only wait there, learned from how long it takes to
// answer. Each window's typical time (the geometric mean, smoothed) is held against the least there was in
// the last minute: as long as they are alike the node has nothing that waits, and the limit grows by its
// square root a window, if at least half of it is used; where the times grow it shrinks by as much as they
// did, so that it rests where about its square root too many are there. Answers and their want that say "too
// much" shrink it by a tenth, by more where that does not help, and some seconds pass until it is back there;
// a few in many are the node's own affair. Once a minute a node that is used to its limit has half of it for
// a moment, so that what it takes without waiting is seen again; and when the limit was halved, and the times
// are no less for that, or has come to rest far below what it was. Pure: times are passed in, and one thread
// at a time uses it.
#pragma once

#include <cstdint>

#include "proxy/base/time.h"

namespace weir::policy {

class AdaptiveLimit {
 public:
  static constexpr std::uint64_t kLeast = 3, kFirst = 20, kMost = 10'000;
  static constexpr base::Duration kWindow = std::chrono::milliseconds(100);  // at least
  static constexpr base::Duration kMostWindow = std::chrono::seconds(2);
  static constexpr std::uint64_t kSamples = 20;                       // likewise, unless it takes too long
  static constexpr base::Duration kMemory = std::chrono::minutes(1);  // at first less
  static constexpr base::Duration kFirstMemory = std::chrono::seconds(2);

  struct Window {
    std::uint64_t answers = 0;
    double log_sum = 0;                // of their times in nanoseconds, each as its logarithm to base 2
    std::uint64_t most_in_flight = 0;  // at the node, when they came
    std::uint64_t overloads = 0;       // answers and timeouts that say that it was too much
  };

  // So many answers of these say that it is too much that the limit is to shrink, before the window is over.
  static bool is_too_much(const Window& window) {
    return window.overloads >= 2 && window.overloads * kRare > window.answers;
  }
  // How long a window is: twice the typical time, so that what a limit has led to shows in the next one, and
  // short answers are no more in it than long ones.
  base::Duration window() const;
  // A window is over, or it is too much. goes_on: it says too little to go by, and is to
  // go on.
  enum class Verdict : std::uint8_t { taken, goes_on };
  Verdict take(const Window& window, base::Time now);
  std::uint64_t limit() const;

 private:
  // settling: what began under another limit, or none, is still among the answers. measuring: no longer.
  enum class Probe : std::uint8_t { none, settling, measuring };
  static constexpr std::uint64_t kRare = 32;

  void shrink(std::uint64_t overloads, base::Time now);
  double step(base::Time now);
  bool probes(double typical, base::Time now);
  void remember(double typical, base::Time now);
  bool fell_in_vain(base::Time now);
  void begin_fall(base::Time now);

  double limit_ = kFirst;
  double too_much_ = 0;                   // the limit that the node has said that of; 0: nobody knows
  base::Time shrunk_at_{};                // for that
  double had_ = 0;                        // the limit before the latest time
  unsigned shrunk_ = 0;                   // how often in a row
  double said_since_ = 0;                 // how often it has said so since
  double smooth_ = 0;                     // log2 of the typical time
  double least_ = 0;                      // of smooth_, since it was measured last
  base::Time least_at_{};                 // when that was
  base::Duration memory_ = kFirstMemory;  // then it is to be measured again
  double peak_ = 0, low_ = 0;             // of the limit, since it falls
  base::Time fall_at_{};                  // when that began
  base::Time low_at_{};                   // when it came down to there
  double slowest_ = 0;                    // of smooth_, since it falls
  Probe probe_ = Probe::settling;         // but for none, half of the limit is in force
  base::Time probe_at_ = base::kNever;    // it began; kNever: with the next window
};

}  // namespace weir::policy
