#include "proxy/admin/metric_family.h"

namespace weir::admin {
namespace {

prometheus::MetricType type_of(MetricDefinition::Type type) {
  switch (type) {
    case MetricDefinition::Type::counter:
      return prometheus::MetricType::Counter;
    case MetricDefinition::Type::gauge:
      return prometheus::MetricType::Gauge;
    case MetricDefinition::Type::histogram:
      return prometheus::MetricType::Histogram;
    case MetricDefinition::Type::summary:
      break;
  }
  return prometheus::MetricType::Summary;
}

}  // namespace

Family::Family(const MetricDefinition& definition) : type_(definition.type) {
  family_.name = definition.name;
  family_.help = definition.help;
  family_.type = type_of(type_);
}

prometheus::ClientMetric& Family::add(Labels labels) {
  prometheus::ClientMetric& series = family_.metric.emplace_back();
  series.label = std::move(labels);
  return series;
}

void Family::add(Labels labels, double value) {
  prometheus::ClientMetric& series = add(std::move(labels));
  (type_ == Type::counter ? series.counter.value : series.gauge.value) = value;
}

void Family::add_summary(Labels labels, std::uint64_t count, base::Duration sum) {
  prometheus::ClientMetric& series = add(std::move(labels));
  series.summary.sample_count = count;
  series.summary.sample_sum = std::chrono::duration<double>(sum).count();
}

}  // namespace weir::admin
