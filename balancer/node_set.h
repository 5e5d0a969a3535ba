// The nodes of one pool in configured order, with the weights that were listed when the set was made, and in
// which tier each stands. Immutable and shared by the workers' balancers; a strategy names a node by its
// index here. What depends on the configured nodes alone is built once, at the first ask, by whichever thread
// comes first: the tables of hash slots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "balancer/node.h"
#include "balancer/slot_table.h"

namespace weir::balancer {

// The tier in which a node stands: its priority, 0 first, or behind them all the backups.
using Level = std::uint8_t;
inline constexpr Level kLastPriority = 15;
inline constexpr Level kBackup = kLastPriority + 1;

class NodeSet {
 public:
  // `levels`: of each node; empty: all stand in the first tier.
  explicit NodeSet(std::vector<std::shared_ptr<Node>> nodes, std::vector<Level> levels = {});

  std::size_t size() const { return nodes_.size(); }
  const std::shared_ptr<Node>& operator[](std::size_t index) const { return nodes_[index]; }
  // In a pool of one tier that is 0, whichever it is.
  Level level(std::size_t index) const { return levels_.empty() ? Level{0} : levels_[index]; }
  // Those that have nodes, in ascending order.
  std::span<const Level> tiers() const { return tiers_; }
  bool is_tiered() const { return !levels_.empty(); }
  const SlotTable& slots(Level tier = 0) const;
  // The same nodes in the same order and tiers, with the same weights.
  bool operator==(const NodeSet& other) const {
    return nodes_ == other.nodes_ && weights_ == other.weights_ && levels_ == other.levels_;
  }

 private:
  SlotTable make_slots(Level tier) const;

  std::vector<std::shared_ptr<Node>> nodes_;
  std::vector<std::uint32_t> weights_;
  std::vector<Level> levels_;  // empty: one tier
  std::vector<Level> tiers_;
  mutable std::once_flag slots_once_;
  mutable std::vector<SlotTable> slots_;  // parallel to tiers_
};

}  // namespace weir::balancer
