// Reads `routes`: which requests go to which pool.
#pragma once

#include "proxy/config/places.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_routes(const Field& field, std::vector<Route>& out, Places& places);

}  // namespace weir::config
