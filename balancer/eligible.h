// One worker's index of the nodes that may get new work, as of its last refresh. It belongs to one Balancer
// and its thread. Its targets are the eligible nodes but for those that are held back (suspects, and nodes on
// probation); where all are held back, those on probation, which answer; where all are suspect, all. Between
// refreshes a node's word may change: a node that became unusable is still listed, so a strategy asks
// usable() of the node that it is about to choose, which looks at the live word; one that became usable is
// listed at the next refresh.
//
// Of a pool with tiers there is one for all nodes, and a part of it for each tier, which is taken from it
// anew instead of being refreshed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "balancer/node_set.h"
#include "balancer/pick_input.h"

namespace weir::balancer {

struct Target {
  const Node* node;
  std::uint32_t index;   // in the NodeSet
  std::uint32_t weight;  // as of the refresh; in tenths while some node starts slowly

  friend bool operator==(const Target&, const Target&) = default;
};

class Eligible {
 public:
  explicit Eligible(std::shared_ptr<const NodeSet> nodes);
  // The part of `whole` that stands in `tier`.
  Eligible(const Eligible& whole, Level tier);

  // Reads every node's word. True if the targets or their weights are others than before, or may be used
  // otherwise.
  bool refresh();

  // The part as `whole` has it now; true as with refresh().
  bool take(const Eligible& whole);

  const NodeSet& nodes() const { return *nodes_; }
  Level tier() const { return tier_; }                          // of a part
  std::span<const Target> targets() const { return targets_; }  // in the order of the NodeSet
  bool usable(const Node& node) const {
    const std::uint64_t against = node.word_.load(std::memory_order_acquire) & unusable_;
    return against == 0 || (against == Node::kLimited && node.has_room());
  }

  // Only that stands against it, for this request.
  bool is_full(const Target& target, const PickInput& input) const;

  // Nodes that are held back, while others are not, or less.
  bool holds_back() const { return !held_back_.empty(); }
  std::span<const std::uint32_t> held_back() const { return held_back_; }
  // Whether this request is to try the node out, which is not usable.
  bool tries_out(std::size_t index, const PickInput& input) const;
  // A node that this request is to try out.
  std::optional<std::size_t> trial(const PickInput& input) const;
  // The least loaded of the nodes that are held back, in the first tier that has any, and a suspect only
  // where all of them are: better than none, but not than one that is only full.
  std::optional<std::size_t> last_resort(const PickInput& input) const;

 private:
  std::uint64_t find_unusable() const;
  bool is_held_back(std::uint64_t word) const {  // while another node is not, or less
    return (word & Node::kBarred) == 0 && (word & unusable_ & (Node::kHeldBack | Node::kSuspect)) != 0;
  }
  void scale_weights();
  std::shared_ptr<const NodeSet> nodes_;
  std::vector<Target> targets_;
  std::vector<Target> previous_;
  std::vector<std::uint32_t> held_back_;
  std::uint64_t unusable_ = 0;  // the bits of a word that make a node so; kLimited: if it has no room
  Level tier_ = 0;
};

}  // namespace weir::balancer
