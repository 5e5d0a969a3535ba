#include "proxy/policy/retry.h"

namespace weir::policy {

Verdict judge(const FailedAttempt& failed) {
  using base::Retry;
  if (!failed.body_whole || failed.error.fault == base::Fault::downstream) return Verdict::give_up;
  // Nothing was sent: any request may go elsewhere, and the try costs nothing.
  // A black hole costs its connect timeout, so those are counted.
  const bool black_hole = failed.error.reason == base::Reason::connect_timeout;
  if (black_hole && failed.attempts >= failed.most_attempts) return Verdict::give_up;
  if (failed.error.retry == Retry::not_processed) return Verdict::other_node;
  if (failed.error.retry == Retry::never || !http::is_idempotent(failed.method)) return Verdict::give_up;
  if (failed.reused_connection && failed.error.retry == Retry::reused_connection)
    return Verdict::fresh_connection;
  return failed.attempts < failed.most_attempts ? Verdict::other_node : Verdict::give_up;
}

}  // namespace weir::policy
