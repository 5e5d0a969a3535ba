#include "proxy/core/panic_floor.h"

#include <utility>

#include "proxy/base/log.h"

namespace weir::core {

void PanicFloor::watch(const Snapshot& snapshot) {
  const auto before = std::exchange(floors_, {});
  for (const SnapshotPool& pool : snapshot.pools) {
    Floor& floor = floors_[pool.name];
    floor.percent = snapshot.config.pools[pool.config].panic;
    floor.nodes = pool.endpoints;
    if (const auto found = before.find(pool.name); found != before.end()) floor.panic = found->second.panic;
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
      const auto& endpoint = pool.endpoints[i];
      const Standing standing{pool.nodes->level(i), endpoint->node->state().bar()};
      if (floor.standings.emplace(endpoint.get(), standing).second) count(floor, standing, 1);
    }
  }
  for (auto& [pool, floor] : floors_) {
    judge(pool, floor);
    carry_out(pool, floor);  // to nodes that are new too
  }
}

void PanicFloor::note(const std::string& pool, const Endpoint& endpoint) {
  const auto found = floors_.find(pool);
  if (found == floors_.end()) return;
  Floor& floor = found->second;
  const auto known = floor.standings.find(&endpoint);
  if (known == floor.standings.end()) return;
  Standing& standing = known->second;
  const Standing before = standing;
  standing.bar = endpoint.node->state().bar();
  if (before.bar == standing.bar) return;
  count(floor, before, static_cast<std::size_t>(-1));
  count(floor, standing, 1);
  judge(pool, floor);
}

void PanicFloor::count(Floor& floor, const Standing& standing, std::size_t more) {
  health::TierCensus& census = floor.tiers[standing.tier];
  if (standing.bar == balancer::Bar::none) census.sound += more;
  if (standing.bar == balancer::Bar::soft) census.soft += more;
}

void PanicFloor::judge(const std::string& pool, Floor& floor) {
  const bool panic = health::is_panic(floor.tiers, floor.percent);
  if (std::exchange(floor.panic, panic) == panic) return;
  std::size_t sound = 0, soft = 0;
  for (const health::TierCensus& tier : floor.tiers) sound += tier.sound, soft += tier.soft;
  if (panic)
    base::log_warning(
        "pool {} is in panic: {} of {} nodes fail checks or answer badly, which would leave fewer than {} %; "
        "they take requests nevertheless",
        pool, soft, soft + sound, floor.percent);
  else
    base::log_info("pool {} is no longer in panic", pool);
  carry_out(pool, floor);
}

void PanicFloor::carry_out(const std::string& pool, const Floor& floor) {
  for (const auto& endpoint : floor.nodes)
    if (floor.panic ? endpoint->node->pardon() : endpoint->node->end_pardon()) changes_.note(pool, endpoint);
}

}  // namespace weir::core
