// What nodes did in the last ten seconds: rates and percentiles, from readings of their counts that are taken
// each second. Used by the Reporter's thread alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "proxy/base/time.h"
#include "proxy/core/snapshot.h"
#include "proxy/observe/latency.h"

namespace weir::admin {

struct Totals {                // since Weir started
  std::uint64_t requests = 0;  // that reached the node
  std::uint64_t failures = 0;  // answered 5xx or not at all, and connects that failed
  std::uint64_t retries = 0;
};
Totals totals_of(const core::Endpoint& endpoint);

struct Rates {
  double requests = 0;  // a second
  double failures = 0;
  observe::Latency::Reading latency{};

  void operator+=(const Rates& other);
};

// Of each node that had answers lately; what they took.
using Latencies = std::unordered_map<const core::Endpoint*, observe::Latency::Reading>;

class Recent {
 public:
  static constexpr base::Duration kEach = std::chrono::seconds(1);

  // Takes the readings; forgets nodes that the snapshot does not list.
  void sample(const core::Snapshot& snapshot, base::Time now);
  Rates of(const core::Endpoint& endpoint) const;
  Latencies latencies(const core::Snapshot& snapshot) const;

 private:
  static constexpr std::size_t kSamples = 11;
  struct Sample {
    base::Time at{};
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
  };
  struct Track {
    std::weak_ptr<const core::Endpoint> node;  // whose readings these are; an address may be used again
    std::array<Sample, kSamples> ring{};
    std::size_t count = 0;  // samples taken so far
    observe::Latency::Reading older{}, newer{};
    std::uint64_t round = 0;  // of the latest sampling that listed the node

    const Sample& latest() const { return ring[(count - 1) % kSamples]; }
    const Sample& oldest() const { return ring[count < kSamples ? 0 : count % kSamples]; }
  };

  std::unordered_map<const core::Endpoint*, Track> tracks_;
  std::uint64_t round_ = 0;
};

}  // namespace weir::admin
