// Reads a pool's `nodes`: addresses, or maps of address, weight and state.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_nodes(const Field& field, std::vector<Node>& out);

}  // namespace weir::config
