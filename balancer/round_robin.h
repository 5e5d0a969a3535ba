// Smooth weighted round robin. Over any cycle (as many picks as the weights sum up to) each node gets exactly
// its weight, and its turns are spread over the cycle: weights 5, 1, 1 give a a b a a a c, not a a a a a b c.
// Nodes of equal weight form a class. A class of m nodes of weight w has m*w turns in a cycle, due at the
// instants (k + 1/2) / (m*w); the earliest due class is next, and inside it its nodes follow each other. So a
// pick costs the logarithm of the number of different weights. Each strategy object starts at a random
// instant.
#pragma once

#include <cstdint>
#include <vector>

#include "balancer/strategy.h"

namespace weir::balancer {

class RoundRobin final : public Strategy {
 public:
  void rebuild(const Eligible& eligible, Rng& rng) override;
  std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) override;

 private:
  struct WeightClass {
    std::uint32_t first;  // where its members begin in members_
    std::uint32_t size;
    std::uint32_t cursor;  // the member whose turn it is
    std::uint64_t turns;   // in a cycle
    std::uint64_t turn;    // the next, from 0
    std::uint64_t cycle;
  };

  static bool later(const WeightClass& a, const WeightClass& b);
  static bool precedes(const WeightClass& a, const WeightClass& b);
  void start(Rng& rng);
  static void advance(WeightClass& taken);
  std::optional<std::uint32_t> turn_of(const WeightClass& of, const Eligible& eligible,
                                       const PickInput& input) const;
  std::size_t take(WeightClass& from, std::uint32_t member, const Eligible& eligible);
  std::optional<std::size_t> pick_beyond_first(const Eligible& eligible, const PickInput& input);

  std::vector<std::uint32_t> members_;  // positions in eligible.targets(), class by class
  std::vector<WeightClass> classes_;    // a heap: the earliest due first
};

}  // namespace weir::balancer
