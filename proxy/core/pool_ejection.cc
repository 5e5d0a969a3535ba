#include "proxy/core/pool_ejection.h"

namespace weir::core {

void PoolEjection::use(const Rules& rules, std::shared_ptr<const balancer::NodeSet> nodes) {
  {
    const std::lock_guard lock(mutex_);
    nodes_.swap(nodes);
  }
  connect_failures_.store(rules.connect_failures, std::memory_order_relaxed);
  gateway_errors_.store(rules.gateway_errors, std::memory_order_relaxed);
  most_.store(rules.most, std::memory_order_relaxed);
  panic_.store(rules.panic, std::memory_order_relaxed);
}

bool PoolEjection::eject(balancer::Node& node, balancer::Verdict verdict) {
  const bool hard = verdict == balancer::Verdict::hard;
  if (!desk_ || (out() >= most() && !hard)) return false;
  const std::lock_guard lock(mutex_);
  const bool has_place = out() < most() && serves_without(node, verdict);
  if (!has_place && !(hard && may_replace_another(node))) return false;
  if (!hard && lent_.load(std::memory_order_relaxed) > 0 && !keeps_the_floor_without(node)) return false;
  if (!node.eject(verdict)) return false;
  out_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool PoolEjection::harden(balancer::Node& node) {
  const std::lock_guard lock(mutex_);
  if (out() > most() || !serves_without(node, balancer::Verdict::hard))
    return false;  // it may be about to be brought back
  node.eject(balancer::Verdict::hard);
  return true;
}

// One that only answered badly may serve instead of one that takes no connections, if it does not yet do so
// for another.
bool PoolEjection::may_replace_another(const balancer::Node& node) const {
  if (!nodes_ || most() == 0) return false;
  std::uint32_t soft = 0;
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    const balancer::NodeState state = (*nodes_)[i]->state();
    const bool out_alone = state.is_out_by(balancer::Verdict::soft) && state.bar() == balancer::Bar::soft &&
                           state.health != balancer::Health::down;
    if ((*nodes_)[i].get() != &node && out_alone) ++soft;
  }
  return soft > 0 && out() < most() + soft;
}

// By a place that is lent more nodes are out than may be ejected: never so many that all are disregarded.
bool PoolEjection::keeps_the_floor_without(const balancer::Node& node) const {
  std::size_t served = 0, usable = 0;
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    const balancer::NodeState state = (*nodes_)[i]->state();
    usable += state.bar() != balancer::Bar::hard ? 1 : 0;
    served += (*nodes_)[i].get() != &node && state.bar() == balancer::Bar::none ? 1 : 0;
  }
  return served * 100 >= usable * panic_.load(std::memory_order_relaxed);
}

// One that answers badly is better than one that does not, and than one of which nobody knows.
bool PoolEjection::serves_without(const balancer::Node& node, balancer::Verdict verdict) const {
  if (!nodes_) return false;
  for (std::size_t i = 0; i < nodes_->size(); ++i) {
    const balancer::NodeState state = (*nodes_)[i]->state();
    const bool is_known = !state.held_back() || verdict == balancer::Verdict::hard;
    if ((*nodes_)[i].get() != &node && state.eligible() && is_known) return true;
  }
  return false;
}

}  // namespace weir::core
