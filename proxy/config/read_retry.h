// Reads `retry`: of a pool, and what a route says of its own.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_retry(const Field& field, Retry& out);
void read_retry_overrides(const Field& field, RetryOverrides& out);

}  // namespace weir::config
