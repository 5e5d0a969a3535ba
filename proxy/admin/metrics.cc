#include "proxy/admin/metrics.h"

#include <array>
#include <sstream>
#include <utility>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "balancer/node.h"
#include "proxy/admin/process.h"

namespace weir::admin {
namespace {

using observe::ListenerShare;
using observe::NodeShare;
using observe::RouteShare;
using Type = MetricDefinition::Type;
using Labels = std::vector<prometheus::ClientMetric::Label>;

// One family while its series are gathered.
class Family {
 public:
  explicit Family(const MetricDefinition& definition) : type_(definition.type) {
    family_.name = definition.name;
    family_.help = definition.help;
    family_.type = type_ == Type::counter     ? prometheus::MetricType::Counter
                   : type_ == Type::gauge     ? prometheus::MetricType::Gauge
                   : type_ == Type::histogram ? prometheus::MetricType::Histogram
                                              : prometheus::MetricType::Summary;
  }
  void add(Labels labels, double value) {
    prometheus::ClientMetric& series = with(std::move(labels));
    (type_ == Type::counter ? series.counter.value : series.gauge.value) = value;
  }
  void add(Labels labels, std::uint64_t value) { add(std::move(labels), static_cast<double>(value)); }
  // Spans in nanoseconds.
  void add_summary(Labels labels, std::uint64_t count, std::uint64_t sum_ns) {
    prometheus::ClientMetric& series = with(std::move(labels));
    series.summary.sample_count = count;
    series.summary.sample_sum = static_cast<double>(sum_ns) / 1e9;
  }
  prometheus::ClientMetric& with(Labels labels) {
    prometheus::ClientMetric& series = family_.metric.emplace_back();
    series.label = std::move(labels);
    return series;
  }
  const prometheus::MetricFamily& made() const { return family_; }

 private:
  const Type type_;
  prometheus::MetricFamily family_;
};

double seconds_of_ms(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

template <class F>
void each_node(const Scene& scene, F&& f) {
  for (const core::SnapshotPool& pool : scene.snapshot->pools)
    for (const auto& endpoint : pool.endpoints)
      f(*endpoint, Labels{{"pool", pool.name}, {"node", endpoint->text}});
}

template <class F>
void each_route(const Scene& scene, F&& f) {
  for (const core::SnapshotRoute& route : scene.snapshot->routes) {
    const config::Route& config = scene.snapshot->config.routes[route.config];
    f(*route.counts, Labels{{"route", config.name}, {"pool", config.pool}});
  }
}

template <class F>
void each_listener(const Scene& scene, F&& f) {
  for (const SceneListener& listener : scene.listeners)
    f(*listener.counts, Labels{{"listener", listener.name}});
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

// A family of one count of each node, and so on.
template <observe::Count NodeShare::* kCount>
void count_nodes(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels),
               endpoint.counts.sum([](const NodeShare& share) { return (share.*kCount).get(); }));
  });
}

template <observe::Count ListenerShare::* kCount>
void count_listeners(const Scene& scene, Family& family) {
  each_listener(scene, [&](const observe::ListenerCounts& counts, Labels labels) {
    family.add(std::move(labels),
               counts.sum([](const ListenerShare& share) { return (share.*kCount).get(); }));
  });
}

template <class Counts, class Get>
void by_class(const Counts& counts, const Labels& labels, Family& family, Get&& get) {
  for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
    family.add(with(labels, "code", observe::StatusClasses::kNames[digit]),
               counts.sum([&](const auto& share) { return get(share).get(digit); }));
}

// Reasons that never were have no series.
template <class Counts, class Get>
void by_reason(const Counts& counts, const Labels& labels, Family& family, Get&& get) {
  for (std::size_t i = 1; i < observe::Reasons::kSize; ++i) {
    const auto reason = static_cast<base::Reason>(i);
    const std::uint64_t count = counts.sum([&](const auto& share) { return get(share).get(reason); });
    if (count > 0) family.add(with(labels, "reason", base::word(reason)), count);
  }
}

// A series for each word that a state can have: 1 for the one that it has.
template <class State, std::size_t kSize>
void state_words(Family& family, const Labels& labels, const std::array<State, kSize>& states,
                 State present) {
  for (const State state : states)
    family.add(with(labels, "state", balancer::word(state)), std::uint64_t{state == present});
}

void request_duration(const Scene& scene, Family& family) {
  using Histogram = observe::DurationHistogram;
  each_route(scene, [&](const observe::RouteCounts& counts, Labels labels) {
    prometheus::ClientMetric::Histogram& histogram = family.with(std::move(labels)).histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      below += counts.sum([&](const RouteShare& share) { return share.duration.bucket(i); });
      const double bound = i < Histogram::kBounds.size() ? static_cast<double>(Histogram::kBounds[i]) / 1e9
                                                         : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({below, bound});
    }
    histogram.sample_count = below;
    histogram.sample_sum =
        static_cast<double>(counts.sum([](const RouteShare& share) { return share.duration.sum_ns(); })) /
        1e9;
  });
}

void requests(const Scene& scene, Family& family) {
  each_route(scene, [&](const observe::RouteCounts& counts, const Labels& labels) {
    by_class(counts, labels, family, [](const RouteShare& share) -> auto& { return share.answers; });
  });
}

void request_failures(const Scene& scene, Family& family) {
  each_route(scene, [&](const observe::RouteCounts& counts, const Labels& labels) {
    by_reason(counts, labels, family, [](const RouteShare& share) -> auto& { return share.failures; });
  });
}

void pool_nodes(const Scene& scene, Family& family) {
  for (const core::SnapshotPool& pool : scene.snapshot->pools)
    family.add({{"pool", pool.name}}, std::uint64_t{pool.endpoints.size()});
}

void pool_eligible_nodes(const Scene& scene, Family& family) {
  for (const core::SnapshotPool& pool : scene.snapshot->pools) {
    std::uint64_t eligible = 0;
    for (const auto& endpoint : pool.endpoints) eligible += endpoint->node->eligible() ? 1 : 0;
    family.add({{"pool", pool.name}}, eligible);
  }
}

void node_operator_state(const Scene& scene, Family& family) {
  using enum balancer::Operator;
  each_node(scene, [&](const core::Endpoint& endpoint, const Labels& labels) {
    state_words(family, labels, std::array{active, drain, down}, endpoint.node->state().operator_state);
  });
}

void node_health_state(const Scene& scene, Family& family) {
  using enum balancer::Health;
  each_node(scene, [&](const core::Endpoint& endpoint, const Labels& labels) {
    const balancer::Health health = endpoint.node->state().health;
    state_words(family, labels, std::array{unknown, up, down}, health == awaited ? unknown : health);
  });
}

void node_ejection_state(const Scene& scene, Family& family) {
  using enum balancer::Ejection;
  each_node(scene, [&](const core::Endpoint& endpoint, const Labels& labels) {
    state_words(family, labels, std::array{none, ejected, probation}, endpoint.node->state().ejection);
  });
}

void node_eligible(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), std::uint64_t{endpoint.node->eligible()});
  });
}

void node_weight(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), std::uint64_t{endpoint.node->weight()});
  });
}

void node_in_flight(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.node->in_flight());
  });
}

void node_requests(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, const Labels& labels) {
    by_class(endpoint.counts, labels, family, [](const NodeShare& share) -> auto& { return share.answers; });
  });
}

void node_connect_errors(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, const Labels& labels) {
    family.add(with(labels, "reason", base::word(base::Reason::connect_refused)),
               endpoint.counts.sum([](const NodeShare& share) { return share.connect_refused.get(); }));
    family.add(with(labels, "reason", base::word(base::Reason::connect_timeout)),
               endpoint.counts.sum([](const NodeShare& share) { return share.connect_timeout.get(); }));
  });
}

void node_connections(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), observe::open_connections(endpoint.counts));
  });
}

void node_idle_connections(const Scene& scene, Family& family) {
  each_node(scene, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.idle_connections.load(std::memory_order_relaxed));
  });
}

void listener_connections(const Scene& scene, Family& family) {
  each_listener(scene, [&](const observe::ListenerCounts& counts, Labels labels) {
    family.add(std::move(labels), observe::open_connections(counts));
  });
}

void listener_refused(const Scene& scene, Family& family) {
  each_listener(scene, [&](const observe::ListenerCounts& counts, const Labels& labels) {
    by_reason(counts, labels, family, [](const ListenerShare& share) -> auto& { return share.refused; });
  });
}

void build_info(const Scene& scene, Family& family) {
  family.add({{"version", scene.version}}, 1.0);
}

void config_info(const Scene& scene, Family& family) {
  family.add({{"hash", scene.config_hash}}, 1.0);
}

void config_last_load(const Scene& scene, Family& family) {
  family.add({}, seconds_of_ms(scene.loaded_ms));
}

void workers(const Scene& scene, Family& family) {
  family.add({}, std::uint64_t{scene.workers});
}

void log_dropped_lines(const Scene& scene, Family& family) {
  family.add({{"log", "access"}}, scene.dropped_access_lines());
  family.add({{"log", "own"}}, scene.dropped_own_lines());
}

void process_start_time(const Scene& scene, Family& family) {
  family.add({}, seconds_of_ms(scene.started_ms));
}

template <auto kFigure>
void process_figure(const Scene&, Family& family) {
  family.add({}, process_figures().*kFigure);
}

struct Entry {
  MetricDefinition definition;
  void (*collect)(const Scene&, Family&);
};

constexpr Entry kEntries[] = {
    {{"weir_request_duration_seconds", Type::histogram, "route, pool",
      "From the request's head to the end of its answer."},
     request_duration},
    {{"weir_requests_total", Type::counter, "route, pool, code",
      "Requests that are over, by the class of the status that the client got."},
     requests},
    {{"weir_request_failures_total", Type::counter, "route, pool, reason",
      "Requests that did not go well, by the reason word of the access log."},
     request_failures},
    {{"weir_pool_nodes", Type::gauge, "pool", "Nodes of the pool."}, pool_nodes},
    {{"weir_pool_eligible_nodes", Type::gauge, "pool", "Nodes of the pool that may get new requests."},
     pool_eligible_nodes},
    {{"weir_node_eligible", Type::gauge, "pool, node", "1 if the node may get new requests."}, node_eligible},
    {{"weir_node_operator_state", Type::gauge, "pool, node, state",
      "1 for the operator's word: active, drain or down."},
     node_operator_state},
    {{"weir_node_health_state", Type::gauge, "pool, node, state",
      "1 for what the health checks say: unknown, up or down."},
     node_health_state},
    {{"weir_node_ejection_state", Type::gauge, "pool, node, state",
      "1 for what its answers say: none, ejected or probation."},
     node_ejection_state},
    {{"weir_node_weight", Type::gauge, "pool, node", "Its share of the requests against the other nodes'."},
     node_weight},
    {{"weir_node_in_flight", Type::gauge, "pool, node", "Requests that are at the node now."},
     node_in_flight},
    {{"weir_node_requests_total", Type::counter, "pool, node, code",
      "Requests sent to the node, by the class of its answer's status; none: it gave no answer."},
     node_requests},
    {{"weir_node_connect_errors_total", Type::counter, "pool, node, reason",
      "Connections to the node that could not be made."},
     node_connect_errors},
    {{"weir_node_retries_total", Type::counter, "pool, node",
      "Tries at the node that failed and were made again, there or elsewhere."},
     count_nodes<&NodeShare::retries>},
    {{"weir_node_connections", Type::gauge, "pool, node", "Connections to the node that are open."},
     node_connections},
    {{"weir_node_idle_connections", Type::gauge, "pool, node", "Of these, those kept for later requests."},
     node_idle_connections},
    {{"weir_node_connections_opened_total", Type::counter, "pool, node", "Connections made to the node."},
     count_nodes<&NodeShare::connections_opened>},
    {{"weir_node_connections_reused_total", Type::counter, "pool, node",
      "Requests sent to the node over a connection that had served before."},
     count_nodes<&NodeShare::connections_reused>},
    {{"weir_listener_connections", Type::gauge, "listener", "Client connections that are open."},
     listener_connections},
    {{"weir_listener_connections_total", Type::counter, "listener", "Client connections accepted."},
     count_listeners<&ListenerShare::accepted>},
    {{"weir_listener_requests_total", Type::counter, "listener", "Requests that came in."},
     count_listeners<&ListenerShare::requests>},
    {{"weir_listener_received_bytes_total", Type::counter, "listener", "Bytes read from clients."},
     count_listeners<&ListenerShare::received_bytes>},
    {{"weir_listener_sent_bytes_total", Type::counter, "listener", "Bytes that clients' connections took."},
     count_listeners<&ListenerShare::sent_bytes>},
    {{"weir_listener_refused_requests_total", Type::counter, "listener, reason",
      "Requests that Weir answered itself without trying a node, by reason word."},
     listener_refused},
    {{"weir_log_dropped_lines_total", Type::counter, "log",
      "Lines that came faster than they could be written: of the access log, of Weir's own log."},
     log_dropped_lines},
    {{"weir_build_info", Type::gauge, "version", "1; the version that runs."}, build_info},
    {{"weir_config_info", Type::gauge, "hash", "1; a hash of the configuration that runs."}, config_info},
    {{"weir_config_last_load_timestamp_seconds", Type::gauge, "",
      "When the configuration that runs was read."},
     config_last_load},
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

constexpr auto kDefinitions = [] {
  std::array<MetricDefinition, std::size(kEntries)> definitions{};
  for (std::size_t i = 0; i < definitions.size(); ++i) definitions[i] = kEntries[i].definition;
  return definitions;
}();

}  // namespace

std::span<const MetricDefinition> metric_definitions() {
  return kDefinitions;
}

std::string metrics_text(const Scene& scene) {
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  for (const Entry& entry : kEntries) {
    Family family(entry.definition);
    entry.collect(scene, family);
    serializer.Serialize(out, {family.made()});
  }
  return std::move(out).str();
}

}  // namespace weir::admin
