// Which timeouts a request is under: the top of the configuration, what its pool and then its route say of
// their own. Pure.
#pragma once

#include "proxy/config/config.h"

namespace weir::policy {

config::Timeouts merge(config::Timeouts base, const config::TimeoutOverrides& own);

}  // namespace weir::policy
