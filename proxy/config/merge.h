// What a route is under: the top of the configuration, then what its pool and then it itself say of their
// own.
#pragma once

#include "proxy/config/config.h"

namespace weir::config {

Timeouts merge(Timeouts base, const TimeoutOverrides& own);
Retry merge(Retry base, const RetryOverrides& own);

Timeouts timeouts_of(const Config& config, const Pool& pool, const Route& route);

}  // namespace weir::config
