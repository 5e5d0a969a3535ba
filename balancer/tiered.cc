#include "balancer/tiered.h"

#include <algorithm>
#include <numeric>

#include "balancer/spill_over.h"
#include "balancer/strategies.h"

namespace weir::balancer {
namespace {

constexpr std::uint64_t kOtherDraw = 0x9d39247e33776d41;  // apart from the one that a key's node depends on

// Coprime to `all`, and near its golden section, so that turns of small shares lie far apart.
std::uint32_t turn_step(std::uint32_t all) {
  auto step = static_cast<std::uint32_t>(std::uint64_t{all} * 618'034 / 1'000'000);
  while (std::gcd(step, all) > 1) ++step;
  return step == 0 ? 1 : step;
}

}  // namespace

std::optional<std::size_t> Tiered::pick(const Eligible& eligible, const PickInput& input, Rng& rng) {
  if (all_ == 0) return std::nullopt;
  const std::size_t first = first_choice(eligible, input);
  // A key that has spilled over may try out a node of a tier that it has spilled from; in its own tier that
  // is for those whose node it is.
  if (eligible.holds_back())
    if (const auto found = trial(eligible, input, keeps_keys_ ? first : last_ + 1)) return found;
  for (std::size_t i = 0, at = first; i < tiers_.size(); ++i, at = at + 1 == tiers_.size() ? 0 : at + 1) {
    if (is_backup(tiers_[at])) continue;
    if (const auto found = tiers_[at].strategy->pick(tiers_[at].part, input, rng)) return found;
  }
  Tier& backups = tiers_.back();
  if (!is_backup(backups)) return std::nullopt;
  // The others were not of use although they are said to be: their words are to be read again first.
  if (backups.share_end == tiers_[tiers_.size() - 2].share_end && input.tried.empty()) return std::nullopt;
  if (leaves_out_full_one(eligible, input)) return std::nullopt;
  return backups.strategy->pick(backups.part, input, rng);
}

// For a node that is only full requests wait, those that try again too: no backup is asked meanwhile.
bool Tiered::leaves_out_full_one(const Eligible& eligible, const PickInput& input) const {
  return std::any_of(eligible.targets().begin(), eligible.targets().end(), [&](const Target& target) {
    return eligible.nodes().level(target.index) != kBackup && target.node->trusted() &&
           eligible.is_full(target, input);
  });
}

// One of the tiers before `end`.
std::optional<std::size_t> Tiered::trial(const Eligible& eligible, const PickInput& input,
                                         std::size_t end) const {
  if (input.now == 0 || !input.tried.empty()) return std::nullopt;
  for (const std::uint32_t index : eligible.held_back())
    if (tier_of(eligible.nodes().level(index)) < end && eligible.tries_out(index, input)) return index;
  return std::nullopt;
}

std::size_t Tiered::first_choice(const Eligible& eligible, const PickInput& input) {
  if (keeps_keys_) {
    const std::uint64_t drawn = mix(input.hash ^ kOtherDraw) >> 32;
    return tier_at(static_cast<std::uint32_t>(drawn * all_ >> 32));
  }
  const NodeSet& nodes = eligible.nodes();
  if (!input.tried.empty() && input.tried.back() < nodes.size())  // it may be one that is listed no longer
    return tier_of(nodes.level(input.tried.back()));
  position_ = static_cast<std::uint32_t>((std::uint64_t{position_} + step_) % all_);
  return tier_at(position_);
}

std::size_t Tiered::tier_at(std::uint32_t position) const {
  std::size_t at = 0;
  while (position >= tiers_[at].share_end) ++at;
  return at;
}

std::size_t Tiered::tier_of(Level level) const {
  std::size_t at = 0;
  while (tiers_[at].part.tier() != level) ++at;
  return at;
}

void Tiered::rebuild(const Eligible& eligible, Rng& rng) {
  if (tiers_.empty()) {
    make_tiers(eligible, rng);
  } else {
    for (Tier& tier : tiers_)
      if (tier.part.take(eligible)) tier.strategy->rebuild(tier.part, rng);
  }
  share_out(eligible);
  step_ = turn_step(all_);
  position_ = rng.below(all_);
}

void Tiered::make_tiers(const Eligible& eligible, Rng& rng) {
  keeps_keys_ = takes_key(strategy_);
  for (const Level level : eligible.nodes().tiers()) {
    tiers_.push_back({Eligible(eligible, level), make_strategy(strategy_)});
    tiers_.back().strategy->rebuild(tiers_.back().part, rng);
  }
}

void Tiered::share_out(const Eligible& eligible) {
  const NodeSet& nodes = eligible.nodes();
  std::vector<TierStrength> strengths(tiers_.size());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    strengths[tier_of(nodes.level(i))].whole += std::uint64_t{nodes[i]->weight()} * NodeState::kFullShare;
  for (std::size_t i = 0; i < tiers_.size(); ++i)
    for (const Target& target : tiers_[i].part.targets()) {
      const NodeState state = target.node->state();
      strengths[i].usable += std::uint64_t{state.present_weight()} * state.share;
    }
  const bool has_backups = is_backup(tiers_.back());
  const std::size_t others = tiers_.size() - (has_backups ? 1 : 0);
  std::vector<std::uint32_t> shares = spill_over(std::span(strengths).first(others));
  all_ = std::accumulate(shares.begin(), shares.end(), std::uint32_t{0});
  if (has_backups) shares.push_back(all_ == 0 && strengths.back().usable > 0 ? 1 : 0);
  all_ += has_backups ? shares.back() : 0;
  std::uint32_t end = 0;
  for (std::size_t i = 0; i < tiers_.size(); ++i) {
    tiers_[i].share_end = end += shares[i];
    if (shares[i] > 0) last_ = i;
  }
}

}  // namespace weir::balancer
