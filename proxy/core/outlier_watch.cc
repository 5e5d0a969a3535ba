#include "proxy/core/outlier_watch.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <numeric>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace weir::core {
namespace {

using observe::Latency;

health::AnswerCounts totals_so_far(const observe::NodeCounts& counts) {
  health::AnswerCounts total;
  for (const observe::NodeShare& share : counts) {
    for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
      total.answers += share.answers.get(digit);
    total.failures += share.failures.get() + share.answers.get(5);
    total.refusals += share.answers.get(4);
  }
  return total;
}

std::string in_ms(base::Duration span) {
  return fmt::format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

}  // namespace

void OutlierWatch::watch(const Snapshot& snapshot) {
  std::unordered_set<const Endpoint*> listed;
  for (const SnapshotPool& pool : snapshot.pools)
    if (snapshot.config.pools[pool.config].ejection)
      for (const auto& endpoint : pool.endpoints) listed.insert(endpoint.get());
  std::erase_if(nodes_, [&](const auto& item) { return !listed.contains(item.first); });
}

void OutlierWatch::look(const SnapshotPool& pool, const config::Ejection& rules) {
  std::vector<health::AnswerCounts> counts, latest;
  std::vector<health::AnswerTimes> times;
  for (const auto& endpoint : pool.endpoints) {
    Seen& seen = nodes_[endpoint.get()];
    look(seen, *endpoint);
    endpoint->conduct.set_suspect_after(suspect_after(seen, endpoint->conduct.suspect_after()));
    // One that is out already, or comes back, is compared with nobody.
    const bool compared = endpoint->node->state().ejection == balancer::Ejection::none;
    counts.push_back(compared ? seen.recent : health::AnswerCounts{});
    latest.push_back(compared ? seen.latest : health::AnswerCounts{});
    times.push_back(compared ? seen.recent_times : health::AnswerTimes{});
    if (compared)
      times.back().well = 2 * (seen.latest.failures + seen.latest.refusals) <= seen.latest.answers;
  }
  if (rules.success_rate) eject_failing(pool, counts), eject_failing(pool, latest);
  if (rules.latency) eject_slow(pool, times);
}

void OutlierWatch::eject_slow(const SnapshotPool& pool, const std::vector<health::AnswerTimes>& times) const {
  const std::vector<health::SlowNode> slow = health::slow_nodes(times);
  const base::Duration bound = slow.empty() ? base::Duration::max() : slow.front().bound;
  pool.shared->slow.store(bound.count(), std::memory_order_relaxed);
  for (const auto& [node, over] : slow) {
    if (!is_spread(*pool.endpoints[node], Fault::slow)) continue;
    Conduct& conduct = pool.endpoints[node]->conduct;
    conduct.set_slow(over);
    conduct.eject(
        EjectionCause::latency,
        fmt::format("half of its answers took over {}, in the middle of the pool less than a fifth of that",
                    in_ms(times[node].median)));
  }
}

// A node that was well for long is out as soon as one that was not: what was before is not held against its
// latest failures.
void OutlierWatch::glance(const SnapshotPool& pool, const config::Ejection& rules) {
  std::vector<health::AnswerCounts> counts;
  counts.reserve(pool.endpoints.size());
  for (const auto& endpoint : pool.endpoints) {
    Seen& seen = nodes_[endpoint.get()];
    glance(seen, *endpoint);
    counts.push_back(seen.glimpsed);
  }
  if (rules.success_rate) eject_failing(pool, counts);
}

bool OutlierWatch::mostly_fails(const SnapshotPool& pool) const {
  health::AnswerCounts glimpsed, latest;
  for (const auto& endpoint : pool.endpoints) {
    const auto seen = nodes_.find(endpoint.get());
    if (seen == nodes_.end() || endpoint->node->state().ejection != balancer::Ejection::none) continue;
    glimpsed += seen->second.glimpsed;
    latest += seen->second.latest;
  }
  const auto fails = [](const health::AnswerCounts& counts) {
    return counts.answers >= kLeastFailing && 2 * counts.failures > counts.answers;
  };
  return fails(glimpsed) || fails(latest);
}

void OutlierWatch::glance(Seen& seen, const Endpoint& endpoint) {
  const health::AnswerCounts total = totals_so_far(endpoint.counts);
  const bool compared = endpoint.node->state().ejection == balancer::Ejection::none;
  if (seen.glances == 0 || !compared) seen.glanced.fill(total);
  health::AnswerCounts& oldest = seen.glanced[seen.glances % kShortWindow];
  ++seen.glances;
  seen.glimpsed = total - std::exchange(oldest, total);
}

void OutlierWatch::eject_failing(const SnapshotPool& pool,
                                 const std::vector<health::AnswerCounts>& counts) const {
  for (const std::size_t node : health::failing_nodes(counts)) {
    if (!is_spread(*pool.endpoints[node], Fault::failed)) continue;
    pool.endpoints[node]->conduct.eject(
        EjectionCause::success_rate,
        fmt::format("{} of {} answers were failures, far more than at other nodes", counts[node].failures,
                    counts[node].answers));
  }
}

// Where keys choose the nodes a single one may fail or take long wherever it is, and says nothing of its
// node.
bool OutlierWatch::is_spread(const Endpoint& endpoint, Fault fault) const {
  observe::KeyBits bits;
  for (const observe::KeyBits& each : nodes_.at(&endpoint).keys) bits |= each;
  for (const observe::NodeShare& share : endpoint.counts) bits |= share.keys();
  const int asked = std::popcount(bits.asked);
  const int touched = std::popcount(fault == Fault::failed ? bits.failed : bits.slow);
  return asked == 0 || (touched >= kLeastKeys && kKeyShare * touched >= asked);
}

void OutlierWatch::look(Seen& seen, const Endpoint& endpoint) {
  const health::AnswerCounts total = totals_so_far(endpoint.counts);
  // What it did before it was ejected is over with that.
  if (seen.looks == 0 || endpoint.node->state().ejection != balancer::Ejection::none) {
    seen.counts.fill(total);
    if (seen.looks == 0) look_at_times(seen, endpoint.counts);
  }
  const bool idle = seen.looks > 0 && total.answers == seen.total.answers;
  seen.recent = total - seen.counts[seen.looks % kWindow];
  seen.latest = total - seen.counts[(seen.looks + kWindow - kShortWindow) % kWindow];
  seen.counts[seen.looks % kWindow] = total;
  observe::KeyBits& keys = seen.keys[seen.looks % kShortWindow] = {};
  for (const observe::NodeShare& share : endpoint.counts) keys |= share.take_keys();
  seen.total = total;
  ++seen.looks;
  if (idle && seen.times_stand) return;
  look_at_times(seen, endpoint.counts);
  if (endpoint.node->state().ejection != balancer::Ejection::none)
    seen.times.fill(seen.times[seen.looks % kTimedLooks]);
  seen.times_stand = idle && seen.recent_times.answers == 0;
}

void OutlierWatch::look_at_times(Seen& seen, const observe::NodeCounts& counts) {
  Latency::Reading held_up{};  // first, so that what is among them is among all
  for (const observe::NodeShare& share : counts) share.add_held_up_to(held_up);
  Latency::Reading now{};
  for (const observe::NodeShare& share : counts) share.add_latency_to(now);
  if (seen.looks == 0) seen.times.fill(now), seen.held_up = held_up;
  const auto ago = [&seen](std::size_t looks) -> const Latency::Reading& {
    return seen.times[(seen.looks + kTimedLooks - looks) % kTimedLooks];
  };
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::uint32_t all = now[i] - ago(1)[i];
    const std::uint32_t silent = std::min(held_up[i] - seen.held_up[i], all);
    seen.fading[i] = seen.fading[i] * kFading + static_cast<float>(all - silent);
  }
  seen.held_up = held_up;
  // A slow node may have few, since it is given few.
  seen.recent_times = times_between(ago(kTimedLooks / 2), now);
  if (seen.recent_times.answers < health::kLeastTimedAnswers)
    seen.recent_times = times_between(ago(kTimedLooks), now);
  seen.times[seen.looks % kTimedLooks] = now;
}

health::AnswerTimes OutlierWatch::times_between(const Latency::Reading& from, const Latency::Reading& to) {
  Latency::Reading window{};
  std::uint64_t answers = 0;
  for (std::size_t i = 0; i < window.size(); ++i) answers += window[i] = to[i] - from[i];
  return {answers, observe::percentile(window, 0.5)};
}

// While too little is known it stays what it was. The longest of all may be a silence's: that one is left
// out.
base::Duration OutlierWatch::suspect_after(const Seen& seen, base::Duration before) {
  if (std::accumulate(seen.fading.begin(), seen.fading.end(), 0.0F) < kLeastKnown)
    return before == Conduct::kNoLimit ? Conduct::kUnknownSilence : before;
  Latency::Reading rounded{};
  auto left_out = static_cast<std::uint32_t>(kParts);
  for (std::size_t i = rounded.size(); i-- > 0;) {
    const auto here = static_cast<std::uint32_t>(std::lround(seen.fading[i] * kParts));
    rounded[i] = here - std::min(here, left_out);
    left_out -= std::min(here, left_out);
  }
  return std::max(Conduct::kLeastSilence, kSilenceFactor * observe::percentile(rounded, 0.99));
}

}  // namespace weir::core
