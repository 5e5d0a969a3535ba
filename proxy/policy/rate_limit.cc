#include "proxy/policy/rate_limit.h"

#include <algorithm>

namespace weir::policy {

RateVerdict spend(base::Time& due, base::Time now, const RatePace& pace) {
  const base::Duration room = pace.most_ahead();
  due = std::min(due, now + room);  // the pace may have been a slower one
  base::Duration ahead = due > now ? due - now : base::Duration::zero();
  RateVerdict verdict;
  verdict.admitted = ahead + pace.interval <= room;
  if (verdict.admitted) {
    ahead += pace.interval;
    due = now + ahead;
  }
  verdict.renewal = ahead;
  if (ahead < room) verdict.left = static_cast<std::uint64_t>((room - ahead) / pace.interval);
  if (verdict.left == 0) verdict.wait = ahead + pace.interval - room;
  return verdict;
}

}  // namespace weir::policy
