// Reads a pool's `health`: how its nodes are checked.
#pragma once

#include <optional>
#include <vector>

#include "proxy/config/section.h"

namespace weir::config {

// `nodes` and `protocol` are the pool's, read before.
void read_health(const Field& field, std::optional<Health>& out, const std::vector<Node>& nodes,
                 Protocol protocol);

}  // namespace weir::config
