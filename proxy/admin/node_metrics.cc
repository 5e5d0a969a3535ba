#include "proxy/admin/metric_family.h"

#include <array>

#include "balancer/node.h"
#include "proxy/observe/shares.h"

namespace weir::admin {
namespace {

using observe::NodeShare;
using Type = MetricDefinition::Type;

template <class F>
void each_node(const MetricSource& source, F&& f) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    for (const auto& endpoint : pool.endpoints)
      f(*endpoint, Labels{{"pool", pool.name}, {"node", endpoint->text}});
}

// A family of one count of each node, and so on.
template <observe::Count NodeShare::* kCount>
void count_nodes(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels),
               endpoint.counts.sum([](const NodeShare& share) { return (share.*kCount).get(); }));
  });
}

// A series for each word that a state can have: 1 for the one that it has.
template <class State, std::size_t kSize>
void state_words(Family& family, const Labels& labels, const std::array<State, kSize>& states,
                 State present) {
  for (const State state : states)
    family.add(with(labels, "state", balancer::word(state)), std::uint64_t{state == present});
}

void pool_nodes(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    family.add({{"pool", pool.name}}, std::uint64_t{pool.endpoints.size()});
}

void pool_eligible_nodes(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools) {
    std::uint64_t eligible = 0;
    for (const auto& endpoint : pool.endpoints) eligible += endpoint->node->eligible() ? 1 : 0;
    family.add({{"pool", pool.name}}, eligible);
  }
}

void node_operator_state(const MetricSource& source, Family& family) {
  using enum balancer::Operator;
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    state_words(family, labels, std::array{active, drain, down}, endpoint.node->state().operator_state);
  });
}

void node_health_state(const MetricSource& source, Family& family) {
  using enum balancer::Health;
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    const balancer::Health health = endpoint.node->state().health;
    state_words(family, labels, std::array{unknown, up, down}, health == awaited ? unknown : health);
  });
}

void node_ejection_state(const MetricSource& source, Family& family) {
  using enum balancer::Ejection;
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    state_words(family, labels, std::array{none, ejected, probation}, endpoint.node->state().ejection);
  });
}

void node_eligible(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), std::uint64_t{endpoint.node->eligible()});
  });
}

void node_weight(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), std::uint64_t{endpoint.node->weight()});
  });
}

void node_in_flight(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.node->in_flight());
  });
}

void node_requests(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    by_class(endpoint.counts, labels, family, [](const NodeShare& share) -> auto& { return share.answers; });
    family.add(with(labels, "code", "cancelled"),
               endpoint.counts.sum([](const NodeShare& share) { return share.cancelled.get(); }));
  });
}

void node_connect_errors(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    family.add(with(labels, "reason", base::word(base::Reason::connect_refused)),
               endpoint.counts.sum([](const NodeShare& share) { return share.connect_refused.get(); }));
    family.add(with(labels, "reason", base::word(base::Reason::connect_timeout)),
               endpoint.counts.sum([](const NodeShare& share) { return share.connect_timeout.get(); }));
  });
}

void node_connections(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), observe::open_connections(endpoint.counts));
  });
}

void node_idle_connections(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.idle_connections.load(std::memory_order_relaxed));
  });
}

void node_checks(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    family.add(with(labels, "result", "pass"), endpoint.history.checks_passed());
    family.add(with(labels, "result", "fail"), endpoint.history.checks_failed());
  });
}

void node_check_duration(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add_summary(std::move(labels), endpoint.history.checks_passed() + endpoint.history.checks_failed(),
                       endpoint.history.checks_took());
  });
}

void node_health_transitions(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    family.add(with(labels, "to", "up"), endpoint.history.went_up());
    family.add(with(labels, "to", "down"), endpoint.history.went_down());
  });
}

constexpr MetricEntry kNodeEntries[] = {
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
      "Requests sent to the node, by the class of its answer's status; none: it gave no answer; cancelled: "
      "the client or Weir ended it first."},
     node_requests},
    {{"weir_node_broken_answers_total", Type::counter, "pool, node",
      "Answers of the node that began and did not end: cut, malformed further on, or silent for too long."},
     count_nodes<&NodeShare::broken_answers>},
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
    {{"weir_node_checks_total", Type::counter, "pool, node, result",
      "Health checks of the node: pass or fail."},
     node_checks},
    {{"weir_node_check_duration_seconds", Type::summary, "pool, node",
      "How long the node's health checks took."},
     node_check_duration},
    {{"weir_node_health_transitions_total", Type::counter, "pool, node, to",
      "How often its health became up or down."},
     node_health_transitions},
};

}  // namespace

std::span<const MetricEntry> node_metrics() {
  return kNodeEntries;
}

}  // namespace weir::admin
