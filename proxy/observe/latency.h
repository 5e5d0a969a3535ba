// Response times, fine enough for percentiles: four buckets to each doubling, from 8 microseconds to over a
// minute, so that a percentile is within a tenth of the truth. One thread observes, any may read; recent
// percentiles come from the difference of two readings.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"

namespace weir::observe {

class Latency {
 public:
  static constexpr unsigned kLeastBits = 13;  // spans of fewer bits share the first bucket
  static constexpr unsigned kDoublings = 23;
  static constexpr std::size_t kBuckets = 4 * kDoublings + 2;
  using Reading = std::array<std::uint32_t, kBuckets>;  // wraps; differences are right

  void observe(base::Duration span) {
    std::atomic<std::uint32_t>& bucket = buckets_[bucket_of(span.count())];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // What was observed elsewhere. Before anybody observes.
  void begin_with(const Reading& reading) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i].store(reading[i], std::memory_order_relaxed);
  }
  void add_to(Reading& reading) const {
    for (std::size_t i = 0; i < kBuckets; ++i) reading[i] += buckets_[i].load(std::memory_order_relaxed);
  }

  static constexpr std::size_t bucket_of(std::int64_t ns) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
    const auto bits = static_cast<unsigned>(std::bit_width(value));
    if (bits <= kLeastBits) return 0;
    if (bits > kLeastBits + kDoublings) return kBuckets - 1;
    const std::uint64_t quarter = value >> (bits - 3) & 3;
    return 1 + 4 * (bits - kLeastBits - 1) + quarter;
  }
  // The least span of a bucket, in nanoseconds.
  static constexpr std::int64_t floor_of(std::size_t bucket) {
    if (bucket == 0) return 0;
    const std::size_t step = bucket - 1;
    return static_cast<std::int64_t>((4 + step % 4) << (kLeastBits + step / 4 - 2));
  }

 private:
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
};

// The span under which `share` (0 to 1) of what a reading counted lies; zero if it counted nothing.
base::Duration percentile(const Latency::Reading& counted, double share);
// The same shape, with about `most` observations at most; what was seen at all stays in it.
Latency::Reading scaled(const Latency::Reading& counted, std::uint64_t most);

}  // namespace weir::observe
