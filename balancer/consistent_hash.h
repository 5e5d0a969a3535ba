// The same key to the same node: on every worker, after every restart, on every machine, whatever the order
// of the nodes. A key falls into a slot of the pool's SlotTable, and the slot's owner gets it. Where the
// owner is not usable (a slow start makes no difference) the walk goes on over the following slots, whose
// owners are spread over the whole pool, so that nobody inherits all of a node's keys and each comes back to
// its owner exactly when the owner does. Where so few nodes are left that the walk finds none, weighted
// rendezvous hashing over those few decides.
#pragma once

#include <cstdint>
#include <vector>

#include "balancer/strategy.h"

namespace weir::balancer {

class ConsistentHash final : public Strategy {
 public:
  bool tries_out() const override { return true; }
  void rebuild(const Eligible& eligible, Rng& rng) override;
  std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) override;

 private:
  std::optional<std::size_t> rendezvous(const Eligible& eligible, const PickInput& input,
                                        std::uint64_t key) const;

  const SlotTable* slots_ = nullptr;        // the NodeSet's
  std::vector<std::uint64_t> node_hashes_;  // by index in the NodeSet
};

}  // namespace weir::balancer
