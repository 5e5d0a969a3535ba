// The section reload: how a configuration that comes into force is watched.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_reload(const Field& field, Reload& out);

}  // namespace weir::config
