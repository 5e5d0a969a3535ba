// What Weir has learned of how long a node keeps its idle connections and how many requests it takes on one,
// from the FINs that came: the shortest idle age at which one did, and the count after which they came at
// once. One such FIN makes a count suspect, which only a request that cannot be replayed heeds; a second one
// at the same count makes it sure; a connection that serves more clears it (nodes that reload close whatever
// they have). Forgotten after an hour, and when the node refuses a connection (a restart says nothing of its
// limits). Shared by all workers; plain atomics, since a lost update is only learned again later.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/base/time.h"

namespace weir::core {

class LearnedLimits {
 public:
  static constexpr base::Duration kMemory = std::chrono::hours(1);
  static constexpr base::Duration kSuspicion = std::chrono::minutes(1);
  // A FIN sooner than this after the last answer speaks of the number of requests, not of idleness.
  static constexpr base::Duration kAtOnce = std::chrono::milliseconds(20);
  // No limit shorter than this is believed.
  static constexpr base::Duration kShortest = std::chrono::milliseconds(50);

  // The node closed a connection that had been idle for `idle` after `served` requests.
  void note_close(base::Duration idle, std::uint32_t served, base::Time now);
  // The node closed it after `served` requests, as another was on its way: a limit, or a node that broke over
  // that one. So this makes a count suspect for kSuspicion, and never sure.
  void note_crossing(std::uint32_t served, base::Time now);
  // A connection has served so many and still stands.
  void note_served(std::uint32_t served);
  void forget();
  void take_over(const LearnedLimits& other);  // what that one knows by now

  // The same for another process.
  struct Known {
    base::Duration idle{};  // zero: unknown
    base::Duration idle_age{};
    std::uint32_t requests = 0;  // 0: unknown
    std::uint32_t sightings = 0;
    base::Duration requests_age{};
    friend bool operator==(const Known&, const Known&) = default;
  };
  Known known(base::Time now) const;
  void take_over(const Known& known, base::Time now);

  // The limits with a margin of 10 % taken off; Duration::max and UINT32_MAX while unknown.
  base::Duration idle_limit(base::Time now) const;
  std::uint32_t request_limit(base::Time now) const;
  // How old an idle connection may be, and how many requests it may have served, to get one which cannot be
  // replayed.
  base::Duration careful_limit(base::Time now) const;
  std::uint32_t careful_request_limit(base::Time now) const;

 private:
  static constexpr std::uint32_t kSure = 2;
  void note_count(std::uint32_t served, base::Time now);
  void set_count(std::uint32_t served, std::uint32_t sightings, base::Time at);
  bool known(const std::atomic<std::int64_t>& at, base::Time now) const;

  std::atomic<std::int64_t> idle_ns_{0};     // 0: unknown
  std::atomic<std::int64_t> idle_at_{0};     // when it was learned
  std::atomic<std::uint32_t> requests_{0};   // 0: unknown
  std::atomic<std::uint32_t> sightings_{0};  // of that count
  std::atomic<std::int64_t> requests_at_{0};
};

}  // namespace weir::core
