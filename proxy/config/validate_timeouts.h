// Timeouts, waits and tries that contradict each other: what is never reached, or never begins, on any route.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/diagnostic.h"
#include "proxy/config/places.h"

namespace weir::config {

void warn_of_contradictions(const Config& config, const Places& places, Report& report);

}  // namespace weir::config
