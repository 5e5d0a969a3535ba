#include "proxy/policy/rate_limit.h"

#include <chrono>

namespace weir::policy {
namespace {

constexpr base::Duration kClocksApart = std::chrono::seconds(1);  // those of two that ask, at most

}  // namespace

RateVerdict spend(base::Time& due, base::Time now, const RatePace& pace) {
  const base::Duration room = pace.most_ahead();
  base::Duration ahead = due > now ? due - now : base::Duration::zero();
  if (ahead > room + kClocksApart) {  // the pace was a slower one
    ahead = room;
    due = now + room;
  }
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
