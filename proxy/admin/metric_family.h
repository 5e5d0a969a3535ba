// One family of metrics while its series are gathered, and the table entries that say which families there
// are. Used by the Reporter's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include "proxy/admin/metrics.h"
#include "proxy/admin/process.h"
#include "proxy/observe/duration_histogram.h"

namespace weir::admin {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

class Family {
 public:
  using Type = MetricDefinition::Type;

  explicit Family(const MetricDefinition& definition);
  void add(Labels labels, double value);
  void add(Labels labels, std::uint64_t value) { add(std::move(labels), static_cast<double>(value)); }
  void add_summary(Labels labels, std::uint64_t count, base::Duration sum);
  prometheus::ClientMetric& add(Labels labels);  // to be filled in
  const prometheus::MetricFamily& made() const { return family_; }

 private:
  const Type type_;
  prometheus::MetricFamily family_;
};

// A series for each class of statuses. `get` gives the classes of a worker's share.
template <class Counts, class Get>
void by_class(const Counts& counts, const Labels& labels, Family& family, Get&& get) {
  for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
    family.add(with(labels, "code", observe::StatusClasses::kNames[digit]),
               counts.sum([&](const auto& share) { return get(share).get(digit); }));
}

// A series for each reason that has been.
template <class Counts, class Get>
void by_reason(const Counts& counts, const Labels& labels, Family& family, Get&& get) {
  for (std::size_t i = 1; i < observe::Reasons::kSize; ++i) {
    const auto reason = static_cast<base::Reason>(i);
    const std::uint64_t count = counts.sum([&](const auto& share) { return get(share).get(reason); });
    if (count > 0) family.add(with(labels, "reason", base::word(reason)), count);
  }
}

// All workers' histograms as one. `get` gives that of a worker's share.
template <class Counts, class Get>
void add_histogram(const Counts& counts, Labels labels, Family& family, Get&& get) {
  using Histogram = observe::DurationHistogram;
  prometheus::ClientMetric::Histogram& histogram = family.add(std::move(labels)).histogram;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    below += counts.sum([&](const auto& share) { return get(share).bucket(i); });
    const double bound = i < Histogram::kBounds.size() ? static_cast<double>(Histogram::kBounds[i]) / 1e9
                                                       : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({below, bound});
  }
  histogram.sample_count = below;
  histogram.sample_sum =
      static_cast<double>(counts.sum([&](const auto& share) { return get(share).sum_ns(); })) / 1e9;
}

struct MetricSource {
  const Scene& scene;
  const ProcessFigures process;
};

struct MetricEntry {
  MetricDefinition definition;
  void (*collect)(const MetricSource& source, Family& family);
};

std::span<const MetricEntry> traffic_metrics();  // routes and listeners
std::span<const MetricEntry> node_metrics();     // pools and nodes
std::span<const MetricEntry> limit_metrics();    // of pools and nodes
std::span<const MetricEntry> process_metrics();

}  // namespace weir::admin
