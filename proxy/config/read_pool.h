// Reads `pools`: each pool's nodes and how they are used.
#pragma once

#include "proxy/config/places.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_pools(const Field& field, std::vector<Pool>& out, Places& places);

}  // namespace weir::config
