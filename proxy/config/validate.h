// What can be judged only when the whole configuration is read: routes against pools, and routes against each
// other. Each section's own rules stand in its reader.
#pragma once

#include "proxy/config/places.h"

namespace weir::config {

void validate(const Config& config, const Places& places, Report& report);

}  // namespace weir::config
