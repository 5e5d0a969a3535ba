// Reads `hedge`: of a pool, or a route's own.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_hedge(const Field& field, Hedge& out);
void read_hedge_override(const Field& field, std::optional<Hedge>& out);

}  // namespace weir::config
