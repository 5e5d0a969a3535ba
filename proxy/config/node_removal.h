// What is to change in the text for a node to be gone: its lines, or its part of a line with one comma. A
// comment behind it goes with its line; comments on lines of their own stay. A list that becomes empty is [].
#pragma once

#include <string>

#include "proxy/base/result.h"
#include "proxy/config/patch.h"
#include "proxy/config/written_nodes.h"

namespace weir::config {

// The reason, with the way out, where the node is not this place's alone.
base::Result<Patch, std::string> remove_node(const WrittenNodes& nodes, std::size_t index);

}  // namespace weir::config
