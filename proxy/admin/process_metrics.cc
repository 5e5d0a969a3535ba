#include "proxy/admin/metric_family.h"

namespace weir::admin {
namespace {

using Type = MetricDefinition::Type;

double seconds_of_ms(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

void build_info(const MetricSource& source, Family& family) {
  family.add({{"version", source.scene.version}}, 1.0);
}

void config_info(const MetricSource& source, Family& family) {
  family.add({{"hash", source.scene.reloads.hash}}, 1.0);
}

void config_last_load(const MetricSource& source, Family& family) {
  family.add({}, seconds_of_ms(source.scene.reloads.loaded_ms));
}

void config_in_sync(const MetricSource& source, Family& family) {
  family.add({}, std::uint64_t{source.scene.reloads.in_sync ? 1U : 0U});
}

void config_reloads(const MetricSource& source, Family& family) {
  for (std::size_t i = 0; i < kReloadResults.size(); ++i)
    family.add({{"result", std::string(kReloadResults[i])}}, source.scene.reloads.count[i]);
}

void workers(const MetricSource& source, Family& family) {
  family.add({}, std::uint64_t{source.scene.workers});
}

template <auto kFigure>
void overload_figure(const MetricSource& source, Family& family) {
  family.add({}, source.scene.overload().*kFigure);
}

void log_dropped_lines(const MetricSource& source, Family& family) {
  family.add({{"log", "access"}}, source.scene.dropped_access_lines());
  family.add({{"log", "own"}}, source.scene.dropped_own_lines());
}

void rate_limit_forgiven(const MetricSource& source, Family& family) {
  family.add({}, source.scene.forgiven_rate_keys());
}

// Where tracing is off they have no series.
void trace_exported_spans(const MetricSource& source, Family& family) {
  if (source.scene.exported_spans) family.add({}, source.scene.exported_spans());
}

void trace_dropped_spans(const MetricSource& source, Family& family) {
  if (source.scene.dropped_spans) family.add({}, source.scene.dropped_spans());
}

void process_start_time(const MetricSource& source, Family& family) {
  family.add({}, seconds_of_ms(source.scene.started_ms));
}

template <auto kFigure>
void process_figure(const MetricSource& source, Family& family) {
  family.add({}, source.process.*kFigure);
}

constexpr MetricEntry kProcessEntries[] = {
    {{"weir_log_dropped_lines_total", Type::counter, "log",
      "Lines that were lost, of the access log or of Weir's own: they came faster than they could be "
      "written, "
      "or their disk was full, or their reader away."},
     log_dropped_lines},
    {{"weir_rate_limit_forgiven_keys_total", Type::counter, "",
      "Keys of rate limits that were forgotten while they were over their rate, since more were in use than "
      "are "
      "kept."},
     rate_limit_forgiven},
    {{"weir_trace_exported_spans_total", Type::counter, "", "Spans that the collector took."},
     trace_exported_spans},
    {{"weir_trace_dropped_spans_total", Type::counter, "",
      "Spans that were lost, because the collector was too slow or away."},
     trace_dropped_spans},
    {{"weir_build_info", Type::gauge, "version", "1; the version that runs."}, build_info},
    {{"weir_config_info", Type::gauge, "hash", "1; a hash of the configuration that runs."}, config_info},
    {{"weir_config_last_load_timestamp_seconds", Type::gauge, "",
      "When the configuration that runs was read."},
     config_last_load},
    {{"weir_config_in_sync", Type::gauge, "",
      "1 if the file, when it was read last, said what is in force; 0 if it could not be put in force."},
     config_in_sync},
    {{"weir_config_reloads_total", Type::counter, "result",
      "Reloads of the configuration: published, unchanged, invalid (the text is no configuration), refused "
      "(something that it needs cannot be had), rolled_back (it did badly within its guard)."},
     config_reloads},
    {{"weir_overload_level", Type::gauge, "",
      "How overloaded Weir itself is: 0 (it is not) to 3; docs/operating.md says what follows."},
     overload_figure<&OverloadFigures::level>},
    {{"weir_memory_limit_bytes", Type::gauge, "",
      "Resident memory from which on it is overloaded (memory_limit); 0: any is fine."},
     overload_figure<&OverloadFigures::memory_limit>},
    {{"weir_loop_lag_seconds", Type::gauge, "", "How late the worst worker is with what it was to do."},
     overload_figure<&OverloadFigures::lag_seconds>},
    {{"weir_workers", Type::gauge, "", "Threads that carry traffic."}, workers},
    {{"weir_process_start_time_seconds", Type::gauge, "", "When the process started, since 1970."},
     process_start_time},
    {{"weir_process_cpu_seconds_total", Type::counter, "", "Processor time, user and system."},
     process_figure<&ProcessFigures::cpu_seconds>},
    {{"weir_process_resident_memory_bytes", Type::gauge, "", "Memory that is resident."},
     process_figure<&ProcessFigures::resident_bytes>},
    {{"weir_process_virtual_memory_bytes", Type::gauge, "", "Memory that is mapped."},
     process_figure<&ProcessFigures::virtual_bytes>},
    {{"weir_process_open_fds", Type::gauge, "", "Descriptors that are open."},
     process_figure<&ProcessFigures::open_descriptors>},
    {{"weir_process_max_fds", Type::gauge, "", "Descriptors that may be open (ulimit -n)."},
     process_figure<&ProcessFigures::most_descriptors>},
    {{"weir_process_threads", Type::gauge, "", "Threads, of all kinds."},
     process_figure<&ProcessFigures::threads>},
};

}  // namespace

std::span<const MetricEntry> process_metrics() {
  return kProcessEntries;
}

}  // namespace weir::admin
