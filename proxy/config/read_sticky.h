// Sticky sessions of a pool.
#pragma once

#include <optional>

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_sticky(const Field& field, std::optional<Sticky>& out);

}  // namespace weir::config
