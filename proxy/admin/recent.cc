#include "proxy/admin/recent.h"

namespace weir::admin {
namespace {

constexpr std::uint64_t kLatencyRounds = 5;  // the percentiles' window is one to two times as many seconds

observe::Latency::Reading reading_of(const core::Endpoint& endpoint) {
  observe::Latency::Reading reading{};
  for (const observe::NodeShare& share : endpoint.counts) share.add_latency_to(reading);
  return reading;
}

bool has_latency(const core::Endpoint& endpoint) {
  return endpoint.counts.sum([](const observe::NodeShare& share) { return share.has_latency() ? 1 : 0; }) > 0;
}

}  // namespace

Totals totals_of(const core::Endpoint& endpoint) {
  Totals totals;
  for (const observe::NodeShare& share : endpoint.counts) {
    for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
      totals.requests += share.answers.get(digit);
    totals.requests += share.cancelled.get();
    totals.failures += share.answers.get(0) + share.answers.get(5) + share.broken_answers.get() +
                       share.connect_refused.get() + share.connect_timeout.get();
    totals.retries += share.retries.get();
  }
  return totals;
}

void Rates::operator+=(const Rates& other) {
  requests += other.requests;
  failures += other.failures;
  for (std::size_t i = 0; i < latency.size(); ++i) latency[i] += other.latency[i];
}

void Recent::sample(const core::Snapshot& snapshot, base::Time now) {
  ++round_;
  for (const core::SnapshotPool& pool : snapshot.pools)
    for (const auto& endpoint : pool.endpoints) {
      const Totals totals = totals_of(*endpoint);
      Track& track = tracks_[endpoint.get()];
      if (track.node.lock() != endpoint) {
        track = {};
        track.node = endpoint;
      }
      const bool fresh = track.count == 0;
      if ((fresh || round_ % kLatencyRounds == 0) && has_latency(*endpoint)) {
        track.older = track.newer;
        track.newer = reading_of(*endpoint);
      }
      track.ring[track.count++ % kSamples] = {now, totals.requests, totals.failures};
      track.round = round_;
    }
  std::erase_if(tracks_, [this](const auto& item) { return item.second.round != round_; });
}

Rates Recent::of(const core::Endpoint& endpoint) const {
  Rates rates;
  const auto found = tracks_.find(&endpoint);
  if (found == tracks_.end()) return rates;
  const Track& track = found->second;
  const Sample& first = track.oldest();
  const Sample& last = track.latest();
  if (const double seconds = std::chrono::duration<double>(last.at - first.at).count(); seconds > 0) {
    rates.requests = static_cast<double>(last.requests - first.requests) / seconds;
    rates.failures = static_cast<double>(last.failures - first.failures) / seconds;
  }
  if (!has_latency(endpoint)) return rates;
  const observe::Latency::Reading now = reading_of(endpoint);
  for (std::size_t i = 0; i < now.size(); ++i) rates.latency[i] = now[i] - track.older[i];
  return rates;
}

Latencies Recent::latencies(const core::Snapshot& snapshot) const {
  Latencies latencies;
  for (const core::SnapshotPool& pool : snapshot.pools)
    for (const auto& endpoint : pool.endpoints)
      if (has_latency(*endpoint)) latencies.emplace(endpoint.get(), of(*endpoint).latency);
  return latencies;
}

}  // namespace weir::admin
