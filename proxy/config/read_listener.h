// Reads `listeners`: where clients come in.
#pragma once

#include "proxy/config/places.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_listeners(const Field& field, std::vector<Listener>& out, Places& places);

}  // namespace weir::config
