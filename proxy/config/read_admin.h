// Reads `admin`: where metrics, the API and the dashboard are served, and under which names.
#pragma once

#include "proxy/config/places.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_admin(const Field& field, Admin& out, Places& places);

// Once the listeners are read: none may have the admin port's address. A built-in one gives way.
void settle_admin(Config& config, const Places& places, Report& report);

}  // namespace weir::config
