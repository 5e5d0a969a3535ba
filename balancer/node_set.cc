#include "balancer/node_set.h"

#include <utility>

namespace weir::balancer {

NodeSet::NodeSet(std::vector<std::shared_ptr<Node>> nodes) : nodes_(std::move(nodes)) {
  weights_.reserve(nodes_.size());
  for (const auto& node : nodes_) weights_.push_back(node->weight());
}

const SlotTable& NodeSet::slots() const {
  std::call_once(slots_once_, [this] {
    std::vector<SlotTable::Claimant> claimants;
    claimants.reserve(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) claimants.push_back({nodes_[i]->key(), weights_[i]});
    slots_ = SlotTable(claimants);
  });
  return slots_;
}

}  // namespace weir::balancer
