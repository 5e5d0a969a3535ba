#include "proxy/observe/latency.h"

#include <numeric>

namespace weir::observe {

base::Duration percentile(const Latency::Reading& counted, double share) {
  const auto total = std::accumulate(counted.begin(), counted.end(), std::uint64_t{0});
  if (total == 0) return {};
  const double wanted = share * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto here = static_cast<double>(counted[i]);
    if (here == 0 || below + here < wanted) {
      below += here;
      continue;
    }
    const auto floor = static_cast<double>(Latency::floor_of(i));
    const auto next = i + 1 < counted.size() ? static_cast<double>(Latency::floor_of(i + 1)) : floor;
    return base::Duration(static_cast<std::int64_t>(floor + (next - floor) * (wanted - below) / here));
  }
  return base::Duration(Latency::floor_of(Latency::kBuckets - 1));
}

Latency::Reading scaled(const Latency::Reading& counted, std::uint64_t most) {
  const auto total = std::accumulate(counted.begin(), counted.end(), std::uint64_t{0});
  if (total <= most) return counted;
  Latency::Reading reading{};
  for (std::size_t i = 0; i < counted.size(); ++i)
    reading[i] = static_cast<std::uint32_t>((counted[i] * most + total - 1) / total);
  return reading;
}

}  // namespace weir::observe
