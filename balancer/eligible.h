// One worker's index of the nodes that may get new work, as of its last refresh. It belongs to one Balancer
// and its thread. Between refreshes a node's word may change: a node that became ineligible is still listed,
// so a strategy looks at the live word of the node that it is about to choose; one that became eligible is
// listed at the next refresh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "balancer/node_set.h"

namespace weir::balancer {

struct Target {
  const Node* node;
  std::uint32_t index;   // in the NodeSet
  std::uint32_t weight;  // as of the refresh

  friend bool operator==(const Target&, const Target&) = default;
};

class Eligible {
 public:
  explicit Eligible(std::shared_ptr<const NodeSet> nodes);

  // Reads every node's word. True if the eligible nodes or their weights are others than before.
  bool refresh();

  const NodeSet& nodes() const { return *nodes_; }
  std::span<const Target> targets() const { return targets_; }  // in the order of the NodeSet

 private:
  std::shared_ptr<const NodeSet> nodes_;
  std::vector<Target> targets_;
  std::vector<Target> previous_;
};

}  // namespace weir::balancer
