// The algorithm that chooses a node of a pool: eligible nodes and those already tried in, an index out. A
// Strategy belongs to one Balancer and its thread, keeps no load of its own (that is on the Node) and reads
// no clock; what it needs of chance it draws from the generator it is given. pick allocates nothing and never
// returns a node that is ineligible now or was tried.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "balancer/eligible.h"
#include "balancer/rng.h"

namespace weir::balancer {

struct PickInput {
  std::uint64_t hash = 0;                   // of the request's key; only hashing strategies look at it
  std::span<const std::size_t> tried = {};  // indices of the nodes that this exchange has tried

  bool was_tried(std::size_t index) const {
    return std::find(tried.begin(), tried.end(), index) != tried.end();
  }
};

class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;
  virtual ~Strategy() = default;

  // Called once before the first pick, and whenever the eligible nodes or their weights became others.
  virtual void rebuild(const Eligible& eligible, Rng& rng) = 0;
  // The index of the chosen node in eligible.nodes(); nothing if no usable node is left.
  virtual std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) = 0;
};

}  // namespace weir::balancer
