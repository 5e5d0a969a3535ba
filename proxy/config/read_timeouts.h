// Reads `timeouts`: all of them at the top, those that an exchange has in a pool or a route.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_timeouts(const Field& field, Timeouts& out);
void read_timeout_overrides(const Field& field, TimeoutOverrides& out, const KeyTable& table);

}  // namespace weir::config
