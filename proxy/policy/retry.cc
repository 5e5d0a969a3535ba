#include "proxy/policy/retry.h"

#include <algorithm>

namespace weir::policy {
namespace {

// Up to so many are few, and so is up to one in so many.
constexpr std::uint64_t kFewDeclined = 10, kDeclinedShare = 50;
constexpr std::uint64_t kFewLost = 30, kLostShare = 100;
constexpr int kMostPause = 10;  // times the base

}  // namespace

bool lost_kept(const FailedAttempt& failed) {
  return failed.reused_connection && failed.error.retry == base::Retry::reused_connection;
}

bool is_repeatable(const http::Request& request) {
  return http::is_idempotent(request.method) ||
         !request.fields.get(http::FieldId::idempotency_key).value_or("").empty();
}

bool is_listed(const config::Retry& terms, int status) {
  return std::find(terms.statuses.begin(), terms.statuses.end(), status) != terms.statuses.end();
}

Verdict judge(const FailedAttempt& failed) {
  using base::Retry;
  if (!failed.body_whole || failed.error.fault == base::Fault::downstream) return Verdict::give_up;
  // Nothing was sent: any request may go elsewhere, and the try costs nothing.
  // A black hole costs its connect timeout, so those are counted.
  const bool black_hole = failed.error.reason == base::Reason::connect_timeout;
  if (black_hole && failed.attempts >= failed.most_attempts) return Verdict::give_up;
  if (failed.error.retry == Retry::not_processed) return Verdict::other_node;
  if (failed.error.retry == Retry::declined) {
    // A connection that ended as the request came says nothing of the node.
    if (failed.reused_connection && failed.error.reason == base::Reason::upstream_closed)
      return Verdict::fresh_connection;
    return failed.attempts < failed.most_attempts ? Verdict::other_node : Verdict::give_up;
  }
  if (failed.error.retry == Retry::never || !failed.repeatable) return Verdict::give_up;
  if (lost_kept(failed) && !failed.late && !failed.many_lost) return Verdict::fresh_connection;
  return failed.attempts < failed.most_attempts ? Verdict::other_node : Verdict::give_up;
}

bool is_out_of_attempts(FailedAttempt failed) {
  if (judge(failed) != Verdict::give_up) return false;
  failed.attempts = 0;
  return judge(failed) != Verdict::give_up;
}

bool costs(const FailedAttempt& failed, Verdict verdict) {
  using base::Retry;
  if (verdict == Verdict::fresh_connection || failed.error.retry == Retry::not_processed) return false;
  if (lost_kept(failed)) return failed.many_lost;
  return failed.error.retry != Retry::declined || failed.declined > 0 || failed.all_decline;
}

bool are_all_declining(std::uint64_t declined_twice, std::uint64_t recent) {
  return declined_twice > std::max(kFewDeclined, recent / kDeclinedShare);
}

bool are_many_lost(std::uint64_t lost, std::uint64_t recent) {
  return lost > std::max(kFewLost, recent / kLostShare);
}

base::Duration pause(base::Duration base, std::uint32_t pauses_before, std::uint64_t random) {
  const int doubled = 1 << std::min<std::uint32_t>(pauses_before, 4);
  const auto most = static_cast<double>((base * std::min(doubled, kMostPause)).count());
  const double share = static_cast<double>(random >> 11) * 0x1p-53;
  return base::Duration(static_cast<base::Duration::rep>(most * share));
}

}  // namespace weir::policy
