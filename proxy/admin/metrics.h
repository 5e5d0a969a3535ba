// The metrics that Prometheus scrapes: one table of families, each made and written in turn, so that a scrape
// of many nodes holds one family's series at a time. docs/metrics.md has the same table. Any thread; takes
// long with many nodes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/scene.h"

namespace weir::admin {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricDefinition {
  std::string_view name;
  enum class Type : std::uint8_t { counter, gauge, histogram, summary } type;
  std::string_view labels;  // "route, pool"; "" for none
  std::string_view help;
};
std::vector<MetricDefinition> metric_definitions();

// In the text format of Prometheus, version 0.0.4.
std::string metrics_text(const Scene& scene);

}  // namespace weir::admin
