// Reads a pool's `ejection`.
#pragma once

#include <optional>

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_ejection(const Field& field, std::optional<Ejection>& out);

}  // namespace weir::config
