// Reads `listeners`: where clients come in.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_listeners(const Field& field, std::vector<Listener>& out);

}  // namespace weir::config
