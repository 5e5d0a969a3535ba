// What is to change in the text for a pool to get one more node: the last one, written as its neighbours are.
#pragma once

#include "proxy/config/patch.h"
#include "proxy/config/written_nodes.h"

namespace weir::config {

Patch add_node(const WrittenNodes& nodes, const Node& node);

}  // namespace weir::config
