// The nodes of one pool in configured order, with the weights they had when the set was made. Immutable and
// shared by the workers' balancers; a strategy names a node by its index here. What depends on the configured
// nodes alone is built once, at the first ask, by whichever thread comes first: the table of hash slots.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "balancer/node.h"
#include "balancer/slot_table.h"

namespace weir::balancer {

class NodeSet {
 public:
  explicit NodeSet(std::vector<std::shared_ptr<Node>> nodes);

  std::size_t size() const { return nodes_.size(); }
  const std::shared_ptr<Node>& operator[](std::size_t index) const { return nodes_[index]; }
  const SlotTable& slots() const;
  // The same nodes in the same order, with the same weights.
  bool operator==(const NodeSet& other) const { return nodes_ == other.nodes_ && weights_ == other.weights_; }

 private:
  std::vector<std::shared_ptr<Node>> nodes_;
  std::vector<std::uint32_t> weights_;
  mutable std::once_flag slots_once_;
  mutable SlotTable slots_;
};

}  // namespace weir::balancer
