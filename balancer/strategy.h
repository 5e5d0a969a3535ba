// The algorithm that chooses a node of a pool: eligible nodes and those already tried in, an index out. A
// Strategy belongs to one Balancer and its thread, keeps no load of its own (that is on the Node) and reads
// no clock; what it needs of chance it draws from the generator it is given. pick allocates nothing and never
// returns a node that was tried or that Eligible calls unusable now.
#pragma once

#include <cstddef>
#include <optional>

#include "balancer/eligible.h"
#include "balancer/pick_input.h"
#include "balancer/rng.h"

namespace weir::balancer {

class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;
  virtual ~Strategy() = default;

  // It chooses itself which requests try out the nodes that are held back: not any may.
  virtual bool tries_out() const { return false; }
  // Called once before the first pick, and whenever the eligible nodes or their weights became others.
  virtual void rebuild(const Eligible& eligible, Rng& rng) = 0;
  // The index of the chosen node in eligible.nodes(); nothing if no usable node is left.
  virtual std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) = 0;
};

}  // namespace weir::balancer
