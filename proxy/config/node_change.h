// What is to change in the text for a node to be as `to` is.
#pragma once

#include <string>

#include "proxy/base/result.h"
#include "proxy/config/patch.h"
#include "proxy/config/written_nodes.h"

namespace weir::config {

// The reason, with the way out, where a value is not the file's own, or others would change with it.
base::Result<Patch, std::string> change_node(const WrittenNodes& nodes, std::size_t index, const Node& from,
                                             const Node& to);

}  // namespace weir::config
