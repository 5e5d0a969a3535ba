#include "proxy/core/rate_table.h"

#include <algorithm>

#include "proxy/base/siphash.h"
#include "proxy/core/secret.h"

namespace weir::core {

RateTable::RateTable() : RateTable(draw_secret(), kKeys) {}

RateTable::RateTable(std::uint64_t secret, std::size_t keys)
    : secret_(secret), sets_(std::max<std::size_t>(keys / (kShards * kPlaces), 1)) {}

policy::RateVerdict RateTable::spend(std::uint64_t limit, std::string_view key, const policy::RatePace& pace,
                                     base::Time now) {
  const base::SipHash digest(secret_, limit);
  const std::uint64_t hash = digest(key);
  Shard& shard = shards_[hash % kShards];
  const std::lock_guard lock(shard.mutex);
  if (shard.sets.empty()) shard.sets.resize(sets_);
  const std::uint64_t name = (hash & ~kLimit) | (digest("") & kLimit);
  return policy::spend(place_of(shard.sets[hash / kShards % sets_], name, now).due, now, pace);
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
