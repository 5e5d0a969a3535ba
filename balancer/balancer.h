// Which node of a pool gets the next attempt: one worker's view of one pool, made of the pool's nodes, the
// index of those that are eligible, and a strategy. It belongs to one worker and is used on its thread alone;
// everything that threads share lies in the Nodes and the NodeSet. After "pool changed" the worker calls
// refresh().
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "balancer/strategy.h"

namespace weir::balancer {

class Balancer {
 public:
  // `strategy_name` is one of strategy_names(); anything else ends the process, since the configuration was
  // checked. Workers that pass the same NodeSet share what is built from the configured nodes.
  Balancer(std::shared_ptr<const NodeSet> nodes, std::string_view strategy_name, Rng seed);
  Balancer(std::vector<std::shared_ptr<Node>> nodes, std::string_view strategy_name, Rng seed);

  // A node that is eligible at this moment and not in input.tried. Nothing: there is none; whether a tried
  // node may be tried again is the caller's decision. One that became eligible since the last refresh() is
  // chosen only where no other can be; one that is held back too, or as a trial.
  std::optional<std::size_t> pick(const PickInput& input = {});

  // Re-reads the words of all nodes.
  void refresh();

  std::size_t size() const { return eligible_.nodes().size(); }
  std::size_t eligible_size() const { return eligible_.targets().size(); }  // as of the last refresh
  bool holds_back() const { return eligible_.holds_back(); }                // likewise
  const std::shared_ptr<Node>& node(std::size_t index) const { return eligible_.nodes()[index]; }

 private:
  Rng rng_;
  Eligible eligible_;
  std::unique_ptr<Strategy> strategy_;
};

}  // namespace weir::balancer
