// What can be said of raw connections (mode: tcp) and of the listeners that routes name once all is read.
#pragma once

#include <string_view>

#include "proxy/config/config.h"
#include "proxy/config/diagnostic.h"
#include "proxy/config/places.h"

namespace weir::config {

// Routes that name a listener or a TLS server name go together with the listeners that there are.
void validate_listeners_of_routes(const Config& config, const Places& places, Report& report);
// Raw connections find a pool that can take them.
void validate_raw_listeners(const Config& config, const Places& places, Report& report);
// Whether raw connections come to the pool.
bool takes_raw(const Config& config, std::string_view pool);
// Whether what comes to a listener of this mode may match the route.
bool may_take(const Config& config, const Route& route, Mode mode);

}  // namespace weir::config
