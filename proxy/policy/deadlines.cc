#include "proxy/policy/deadlines.h"

namespace weir::policy {

config::Timeouts merge(config::Timeouts base, const config::TimeoutOverrides& own) {
  base.body = own.body.value_or(base.body);
  base.connect = own.connect.value_or(base.connect);
  base.response = own.response.value_or(base.response);
  base.attempt = own.attempt.value_or(base.attempt);
  base.request = own.request.value_or(base.request);
  base.stream_idle = own.stream_idle.value_or(base.stream_idle);
  base.tunnel = own.tunnel.value_or(base.tunnel);
  return base;
}

}  // namespace weir::policy
