// How many spans of time fell under each of a few fixed bounds, and their sum: what Prometheus calls a
// histogram. One thread observes, any may read.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "proxy/base/time.h"
#include "proxy/observe/count.h"

namespace weir::observe {

class DurationHistogram {
 public:
  // Nanoseconds; a span belongs to the first bound that it does not exceed, or to the last bucket, which has
  // none.
  static constexpr std::array<std::int64_t, 18> kBounds = {
      100'000,       250'000,       500'000,       1'000'000,      2'500'000,      5'000'000,
      10'000'000,    25'000'000,    50'000'000,    100'000'000,    250'000'000,    500'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000, 60'000'000'000};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  void observe(base::Duration span) {
    const std::int64_t ns = span.count() > 0 ? span.count() : 0;
    buckets_[bucket_of(ns)].add();
    sum_ns_.add(static_cast<std::uint64_t>(ns));
  }
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].get(); }
  std::uint64_t sum_ns() const { return sum_ns_.get(); }

  static constexpr std::size_t bucket_of(std::int64_t ns) {
    std::size_t at = kFirst[static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(ns)))];
    while (at < kBounds.size() && ns > kBounds[at]) ++at;
    return at;
  }

 private:
  // By the bits of a span: the first bucket that one of so many bits can belong to.
  static constexpr std::array<std::uint8_t, 65> kFirst = [] {
    std::array<std::uint8_t, 65> first{};
    for (std::size_t bits = 1; bits < first.size(); ++bits) {
      const std::uint64_t least = std::uint64_t{1} << (bits - 1);
      while (first[bits] < kBounds.size() && static_cast<std::uint64_t>(kBounds[first[bits]]) < least)
        ++first[bits];
    }
    return first;
  }();

  std::array<Count, kBuckets> buckets_;
  Count sum_ns_;
};

}  // namespace weir::observe
