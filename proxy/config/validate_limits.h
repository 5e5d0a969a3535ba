// What limits, buffers and queues of pools contradict.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/places.h"
#include "proxy/config/value.h"

namespace weir::config {

void warn_of_limits(const Config& config, const Places& places, Report& report);

}  // namespace weir::config
