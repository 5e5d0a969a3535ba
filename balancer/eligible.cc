#include "balancer/eligible.h"

#include <utility>

namespace weir::balancer {

Eligible::Eligible(std::shared_ptr<const NodeSet> nodes) : nodes_(std::move(nodes)) {
  targets_.reserve(nodes_->size());
  previous_.reserve(nodes_->size());
  refresh();
}

bool Eligible::refresh() {
  previous_.swap(targets_);
  targets_.clear();
  for (std::uint32_t i = 0; i < nodes_->size(); ++i) {
    const Node* node = (*nodes_)[i].get();
    const NodeState state = node->state();
    if (state.eligible()) targets_.push_back({node, i, state.weight});
  }
  return targets_ != previous_;
}

}  // namespace weir::balancer
