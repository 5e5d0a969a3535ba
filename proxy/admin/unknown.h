// What is said of a pool or a node that is not there: which one was meant, or which there are. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/core/snapshot.h"

namespace weir::admin {

const core::SnapshotPool* find_pool(const core::Snapshot& snapshot, std::string_view name);  // or nullptr
// By its address, in whatever form, or by the name that stands for it alone; nullptr: there is none.
std::shared_ptr<core::Endpoint> find_node(const core::SnapshotPool& pool, std::string_view address);

std::string unknown_pool(const core::Snapshot& snapshot, std::string_view name);
std::string unknown_node(const core::SnapshotPool& pool, std::string_view address);

}  // namespace weir::admin
