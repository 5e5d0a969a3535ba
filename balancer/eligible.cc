#include "balancer/eligible.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::balancer {

Eligible::Eligible(std::shared_ptr<const NodeSet> nodes) : nodes_(std::move(nodes)) {
  targets_.reserve(nodes_->size());
  previous_.reserve(nodes_->size());
  refresh();
}

Eligible::Eligible(const Eligible& whole, Level tier) : nodes_(whole.nodes_), tier_(tier) {
  take(whole);
}

bool Eligible::take(const Eligible& whole) {
  previous_.swap(targets_);
  targets_.clear();
  for (const Target& target : whole.targets_)
    if (nodes_->level(target.index) == tier_) targets_.push_back(target);
  const std::uint64_t before = std::exchange(unusable_, whole.unusable_);
  return targets_ != previous_ || unusable_ != before;
}

bool Eligible::refresh() {
  previous_.swap(targets_);
  targets_.clear();
  held_back_.clear();
  const std::uint64_t before = std::exchange(unusable_, find_unusable());
  for (std::uint32_t i = 0; i < nodes_->size(); ++i) {
    const Node* node = (*nodes_)[i].get();
    const std::uint64_t word = node->word_.load(std::memory_order_acquire);
    if (is_held_back(word))
      held_back_.push_back(i);
    else if ((word & Node::kBarred) == 0)
      targets_.push_back({node, i, node->weight()});
  }
  scale_weights();
  return targets_ != previous_ || unusable_ != before;
}

std::uint64_t Eligible::find_unusable() const {
  std::uint64_t against_all = Node::kHeldBack | Node::kSuspect;
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    const std::uint64_t word = (*nodes_)[i]->word_.load(std::memory_order_acquire);
    if ((word & Node::kBarred) == 0) against_all &= word;
  }
  const std::uint64_t held_back = (against_all & Node::kHeldBack) == 0  ? Node::kHeldBack
                                  : (against_all & Node::kSuspect) == 0 ? Node::kSuspect
                                                                        : 0;
  return Node::kBarred | Node::kLimited | held_back;
}

void Eligible::scale_weights() {
  const auto share = [](const Target& target) { return target.node->state().share; };
  if (std::all_of(targets_.begin(), targets_.end(),
                  [&](const Target& target) { return share(target) == NodeState::kFullShare; }))
    return;
  for (Target& target : targets_) target.weight *= share(target);
}

bool Eligible::tries_out(std::size_t index, const PickInput& input) const {
  Node& node = *(*nodes_)[index];
  const std::uint64_t word = node.word_.load(std::memory_order_acquire);
  const std::int64_t overdue = (word & Node::kSuspect) != 0 ? input.overdue_suspect : input.overdue;
  return input.now != 0 && input.tried.empty() && is_held_back(word) && node.has_room() &&
         node.begin_trial(input.now, overdue);
}

std::optional<std::size_t> Eligible::trial(const PickInput& input) const {
  for (const std::uint32_t index : held_back_)
    if (tries_out(index, input)) return index;
  return std::nullopt;
}

bool Eligible::is_full(const Target& target, const PickInput& input) const {
  const std::uint64_t against = target.node->word_.load(std::memory_order_acquire) & unusable_;
  return against == Node::kLimited && !target.node->has_room() && !input.was_tried(target.index);
}

std::optional<std::size_t> Eligible::last_resort(const PickInput& input) const {
  if (!held_back_.empty() && std::any_of(targets_.begin(), targets_.end(),
                                         [&](const Target& target) { return is_full(target, input); }))
    return std::nullopt;
  const auto rank = [this](std::size_t index) {
    const Node& node = *(*nodes_)[index];
    return std::tuple(node.state().suspect, nodes_->level(index), node.in_flight());
  };
  std::optional<std::size_t> best;
  for (const std::uint32_t i : held_back_) {
    const Node& node = *(*nodes_)[i];
    if (!node.eligible() || !node.has_room() || input.was_tried(i)) continue;
    if (!best || rank(i) < rank(*best)) best = i;
  }
  return best;
}

}  // namespace weir::balancer
