// The node with the fewest attempts in flight for its weight, counted over all workers. Of nodes that are
// level the one goes first that was the least loaded of late: a slow one has more in flight than others for
// most of the time, and would else be first whenever it is level, since it has waited for its turn the
// longest. Nodes that are level in that too take turns by weight: each has an instant at which its next turn
// is due, and the earliest goes first, so that an idle pool is shared like round robin shares it. Up to
// kExact nodes all are compared; beyond that the best of kSample drawn by weight, which keeps a pick short
// and finds a node among the least loaded sixteenth.
#pragma once

#include <cstdint>
#include <vector>

#include "balancer/strategy.h"
#include "balancer/weighted_draw.h"

namespace weir::balancer {

class LeastConnections final : public Strategy {
 public:
  static constexpr std::size_t kExact = 256;
  static constexpr std::size_t kSample = 16;

  void rebuild(const Eligible& eligible, Rng& rng) override;
  std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) override;

 private:
  struct Seat {
    const Node* node;
    std::uint64_t due;     // when its next turn is
    std::uint32_t stride;  // the time between two of its turns: inversely as its weight
    std::uint32_t index;   // in the NodeSet
    std::uint64_t usual;   // load: its mean over the latest picks that looked at it
  };
  struct Rank;
  class Best;

  Rank rank(Seat& seat) const;
  std::uint64_t earliest(const Seat& seat) const;

  std::vector<Seat> seats_;
  std::uint64_t clock_ = 0;  // the latest due instant of a turn that was taken
  WeightedDraw draw_;
};

}  // namespace weir::balancer
