#include "proxy/core/rate_table.h"

#include <algorithm>

#include "proxy/base/siphash.h"
#include "proxy/core/secret.h"

namespace weir::core {

RateTable::RateTable() : RateTable(draw_secret(), kKeys) {}

RateTable::RateTable(std::uint64_t secret, std::size_t keys)
    : secret_(secret), sets_(std::max<std::size_t>(keys / (kShards * kPlaces), 1)) {}

RateTable::Spot RateTable::spot_of(std::uint64_t limit, std::string_view key) {
  const base::SipHash digest(secret_, limit);
  const std::uint64_t hash = digest(key);
  return {shards_[hash % kShards], hash / kShards % sets_, (hash & ~kLimit) | (digest("") & kLimit)};
}

policy::RateVerdict RateTable::spend(std::uint64_t limit, std::string_view key, const policy::RatePace& pace,
                                     base::Time now) {
  const auto [shard, set, name] = spot_of(limit, key);
  const std::lock_guard lock(shard.mutex);
  if (shard.sets.empty()) shard.sets.resize(sets_);
  return policy::spend(place_of(shard.sets[set], name, now).due, now, pace);
}

void RateTable::give_back(std::uint64_t limit, std::string_view key, const policy::RatePace& pace) {
  const auto [shard, set, name] = spot_of(limit, key);
  const std::lock_guard lock(shard.mutex);
  if (shard.sets.empty()) return;
  for (Place& place : shard.sets[set])
    if (place.name == name && place.due != base::Time::min()) place.due -= pace.interval;
}

RateTable::Place& RateTable::place_of(Set& set, std::uint64_t name, base::Time now) {
  Place* least = nullptr;
  bool least_is_ours = false;
  for (Place& place : set) {
    if (place.name == name) return place;
    const bool ours = place.due <= now || ((place.name ^ name) & kLimit) == 0;
    if (least != nullptr && (ours < least_is_ours || (ours == least_is_ours && place.due >= least->due)))
      continue;
    least = &place;
    least_is_ours = ours;
  }
  if (least->due > now) forgiven_.fetch_add(1, std::memory_order_relaxed);
  *least = {name, base::Time::min()};
  return *least;
}

}  // namespace weir::core
