#include "proxy/core/slow_start.h"

#include <algorithm>
#include <set>
#include <utility>

#include "health/slow_start.h"

namespace weir::core {

void SlowStart::watch(const Snapshot& snapshot) {
  auto before = std::exchange(nodes_, {});
  std::set<std::string> pools_before;
  for (const auto& [endpoint, start] : before) pools_before.insert(start.pool);
  for (const SnapshotPool& pool : snapshot.pools) {
    const base::Duration time = snapshot.config.pools[pool.config].slow_start;
    for (const auto& endpoint : pool.endpoints) {
      Start& start = nodes_[endpoint.get()];
      if (const auto known = before.find(endpoint.get()); known != before.end())
        start = std::move(known->second);
      else
        start = {.endpoint = endpoint, .pool = pool.name, .serves = !pools_before.contains(pool.name)};
      start.time = time;
      if (time == config::kOff) {
        start.began = base::kNever;
        set_share(start, health::kWholeShare);
      } else if (!start.serves) {
        set_share(start, 1);
      }
      note(*endpoint);
    }
  }
}

// On probation it is tried out; what follows is the start.
bool SlowStart::serves(const Endpoint& endpoint) {
  const balancer::NodeState state = endpoint.node->state();
  return state.eligible() && state.ejection != balancer::Ejection::probation;
}

void SlowStart::note(const Endpoint& endpoint) {
  const auto found = nodes_.find(&endpoint);
  if (found == nodes_.end()) return;
  Start& start = found->second;
  const bool now = serves(endpoint);
  // A new process does not wait with all of its nodes for each other.
  if (!now && endpoint.node->state().health == balancer::Health::awaited) return;
  if (std::exchange(start.serves, now) == now || start.time == config::kOff) return;
  if (!now) {
    start.began = base::kNever;
    return set_share(start, 1);
  }
  start.began = runtime_.now();
  step(start);
}

void SlowStart::step(Start& start) {
  const base::Duration elapsed = runtime_.now() - start.began;
  const std::uint32_t share = health::slow_share(elapsed, start.time);
  if (share == health::kWholeShare)
    start.began = base::kNever;
  else
    timer_.set(
        std::min(timer_.at(), base::deadline(start.began, health::next_slow_step(elapsed, start.time))));
  set_share(start, share);
}

void SlowStart::set_share(const Start& start, std::uint32_t tenths) {
  if (start.endpoint->node->set_share(tenths)) changes_.note(start.pool, start.endpoint);
}

void SlowStart::on_timer() {
  for (auto& [endpoint, start] : nodes_)
    if (start.began != base::kNever) step(start);
}

}  // namespace weir::core
