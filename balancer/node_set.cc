#include "balancer/node_set.h"

#include <algorithm>
#include <utility>

namespace weir::balancer {

NodeSet::NodeSet(std::vector<std::shared_ptr<Node>> nodes, std::vector<Level> levels)
    : nodes_(std::move(nodes)), levels_(std::move(levels)) {
  weights_.reserve(nodes_.size());
  for (const auto& node : nodes_) weights_.push_back(node->state().weight);
  tiers_ = levels_;
  std::sort(tiers_.begin(), tiers_.end());
  tiers_.erase(std::unique(tiers_.begin(), tiers_.end()), tiers_.end());
  if (tiers_.size() > 1) return;
  levels_.clear();  // nothing to tell apart
  tiers_ = {0};
}

const SlotTable& NodeSet::slots(Level tier) const {
  std::call_once(slots_once_, [this] {
    for (const Level each : tiers_) slots_.push_back(make_slots(each));
  });
  const auto at = std::lower_bound(tiers_.begin(), tiers_.end(), tier);
  return slots_[static_cast<std::size_t>(at - tiers_.begin())];
}

SlotTable NodeSet::make_slots(Level tier) const {
  std::vector<SlotTable::Claimant> claimants;
  std::vector<std::uint32_t> members;
  claimants.reserve(nodes_.size());
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (level(i) != tier) continue;
    claimants.push_back({nodes_[i]->key(), weights_[i]});
    members.push_back(i);
  }
  return SlotTable(claimants, members);
}

}  // namespace weir::balancer
