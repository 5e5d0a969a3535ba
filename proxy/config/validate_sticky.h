// Cookies of sticky pools that browsers would refuse.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/places.h"
#include "proxy/config/value.h"

namespace weir::config {

void warn_of_refused_cookies(const Config& config, const Places& places, Report& report);

}  // namespace weir::config
