// The strategy of a pool whose nodes stand in tiers: first a tier, then a node of it by the pool's own
// strategy, of which each tier has one. The first tiers take the work in proportion to what they can take
// (spill_over.h); backups take any only while no other node can. Tiers take turns where a strategy ignores
// keys, so that shares are exact; a key's tier is a function of the key and the tiers' shares, so that only
// those keys move that a share's change moves.
//
// A request that tries again prefers the tier that it was at, then those behind it, then those before, then
// the backups; it, too, waits for a node that is only full before it goes to one of those. A node that is
// held back counts as one that can take none; it is tried out while its tier, or one behind it, has work.
// Where all nodes of the pool are held back they count as if they were not.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/strategy.h"

namespace weir::balancer {

class Tiered final : public Strategy {
 public:
  // `strategy` is one of strategy_names().
  explicit Tiered(std::string_view strategy) : strategy_(strategy) {}

  bool tries_out() const override { return true; }
  void rebuild(const Eligible& eligible, Rng& rng) override;
  std::optional<std::size_t> pick(const Eligible& eligible, const PickInput& input, Rng& rng) override;

 private:
  struct Tier {
    Eligible part;
    std::unique_ptr<Strategy> strategy;
    std::uint32_t share_end = 0;  // where its share of all_ ends, which begins where the one before ends
  };

  void make_tiers(const Eligible& eligible, Rng& rng);
  void share_out(const Eligible& eligible);
  bool leaves_out_full_one(const Eligible& eligible, const PickInput& input) const;
  std::optional<std::size_t> trial(const Eligible& eligible, const PickInput& input, std::size_t end) const;
  std::size_t first_choice(const Eligible& eligible, const PickInput& input);
  std::size_t tier_at(std::uint32_t position) const;
  std::size_t tier_of(Level level) const;
  bool is_backup(const Tier& tier) const { return tier.part.tier() == kBackup; }

  const std::string strategy_;
  std::vector<Tier> tiers_;     // in order; backups last
  std::uint32_t all_ = 0;       // what the shares sum up to; 0: no node can take work
  std::uint32_t position_ = 0;  // whose turn it is, below all_
  std::uint32_t step_ = 1;      // to the next turn: visits each position once before any twice
  std::size_t last_ = 0;        // the last tier with a share
  bool keeps_keys_ = false;
};

}  // namespace weir::balancer
