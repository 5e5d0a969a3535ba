#include "proxy/config/merge.h"

namespace weir::config {

Timeouts merge(Timeouts base, const TimeoutOverrides& own) {
  base.body = own.body.value_or(base.body);
  base.connect = own.connect.value_or(base.connect);
  base.response = own.response.value_or(base.response);
  base.attempt = own.attempt.value_or(base.attempt);
  base.request = own.request.value_or(base.request);
  base.stream_idle = own.stream_idle.value_or(base.stream_idle);
  base.tunnel = own.tunnel.value_or(base.tunnel);
  base.min_rate = own.min_rate.value_or(base.min_rate);
  return base;
}

Retry merge(Retry base, const RetryOverrides& own) {
  base.attempts = own.attempts.value_or(base.attempts);
  if (own.statuses) base.statuses = *own.statuses;
  base.budget = own.budget.value_or(base.budget);
  base.backoff = own.backoff.value_or(base.backoff);
  return base;
}

Timeouts timeouts_of(const Config& config, const Pool& pool, const Route& route) {
  return merge(merge(config.timeouts, pool.timeouts), route.timeouts);
}

}  // namespace weir::config
