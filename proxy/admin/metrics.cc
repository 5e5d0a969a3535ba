#include "proxy/admin/metrics.h"

#include <sstream>

#include <prometheus/text_serializer.h>

#include "proxy/admin/metric_family.h"

namespace weir::admin {
namespace {

template <class F>
void each_entry(F&& f) {
  for (const auto entries : {traffic_metrics(), node_metrics(), limit_metrics(), process_metrics()})
    for (const MetricEntry& entry : entries) f(entry);
}

}  // namespace

std::vector<MetricDefinition> metric_definitions() {
  std::vector<MetricDefinition> definitions;
  each_entry([&](const MetricEntry& entry) { definitions.push_back(entry.definition); });
  return definitions;
}

std::string metrics_text(const Scene& scene) {
  const MetricSource source{scene, process_figures()};
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  each_entry([&](const MetricEntry& entry) {
    Family family(entry.definition);
    entry.collect(source, family);
    serializer.Serialize(out, {family.made()});
  });
  return std::move(out).str();
}

}  // namespace weir::admin
