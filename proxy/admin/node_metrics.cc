#include "proxy/admin/metric_family.h"

#include <algorithm>
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

void pool_retries_denied(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools) {
    const auto& counts = pool.shared->counts;
    family.add({{"pool", pool.name}, {"reason", "attempts"}},
               counts.sum([](const auto& share) { return share.denied_attempts.get(); }));
    family.add({{"pool", pool.name}, {"reason", "budget"}},
               counts.sum([](const auto& share) { return share.denied_budget.get(); }));
  }
}

template <observe::Count core::PoolShare::* kCount>
void count_pools(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    family.add({{"pool", pool.name}},
               pool.shared->counts.sum([](const core::PoolShare& share) { return (share.*kCount).get(); }));
}

// Of pools that are sticky.
template <class F>
void each_sticky_pool(const MetricSource& source, F&& f) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    if (pool.sticky) f(pool.shared->counts, Labels{{"pool", pool.name}});
}

template <observe::Count core::PoolShare::* kCount>
void count_sticky_pools(const MetricSource& source, Family& family) {
  each_sticky_pool(source, [&](const auto& counts, Labels labels) {
    family.add(std::move(labels),
               counts.sum([](const core::PoolShare& share) { return (share.*kCount).get(); }));
  });
}

void pool_sessions_moved(const MetricSource& source, Family& family) {
  each_sticky_pool(source, [&](const auto& counts, const Labels& labels) {
    for (std::size_t i = 1; i < policy::kSessionVerdicts.size(); ++i)
      family.add(with(labels, "reason", policy::kSessionVerdicts[i]),
                 counts.sum([i](const core::PoolShare& share) { return share.sessions_moved[i].get(); }));
  });
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

void node_agent_state(const MetricSource& source, Family& family) {
  using enum balancer::Agent;
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    state_words(family, labels, std::array{up, drain, maint}, endpoint.node->state().agent);
  });
}

void pool_panic(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools) {
    const bool panic = std::any_of(pool.endpoints.begin(), pool.endpoints.end(),
                                   [](const auto& endpoint) { return endpoint->node->state().pardoned; });
    family.add({{"pool", pool.name}}, std::uint64_t{panic});
  }
}

void node_suspect(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), std::uint64_t{endpoint.node->state().suspect});
  });
}

void node_suspicions(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.conduct.suspicions());
  });
}

void node_ejections(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, const Labels& labels) {
    for (std::size_t i = 0; i < core::kEjectionCauses.size(); ++i)
      family.add(with(labels, "reason", core::kEjectionCauses[i]),
                 endpoint.conduct.ejections(static_cast<core::EjectionCause>(i)));
  });
}

void node_returns(const MetricSource& source, Family& family) {
  each_node(source, [&](const core::Endpoint& endpoint, Labels labels) {
    family.add(std::move(labels), endpoint.conduct.returns());
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
    {{"weir_pool_eligible_nodes", Type::gauge, "pool",
      "Nodes of the pool that may get new requests, those that are full among them."},
     pool_eligible_nodes},
    {{"weir_pool_retries_total", Type::counter, "pool",
      "Tries that the retry budget has paid for: after failures and answers that are retried, not after "
      "connections that could not be made."},
     count_pools<&core::PoolShare::retries>},
    {{"weir_pool_retries_denied_total", Type::counter, "pool, reason",
      "Tries that were not made, since retry.attempts were used up (attempts) or the budget was (budget)."},
     pool_retries_denied},
    {{"weir_pool_hedges_total", Type::counter, "pool",
      "Second tries that began beside a first one that had no answer yet."},
     count_pools<&core::PoolShare::hedges>},
    {{"weir_pool_hedges_won_total", Type::counter, "pool", "Of these, those that were answered first."},
     count_pools<&core::PoolShare::hedges_won>},
    {{"weir_pool_sessions_begun_total", Type::counter, "pool",
      "Answers of a sticky pool with a cookie for a client that had none which is known."},
     count_sticky_pools<&core::PoolShare::sessions_begun>},
    {{"weir_pool_session_requests_total", Type::counter, "pool",
      "Requests that were answered by the node which their cookie names."},
     count_sticky_pools<&core::PoolShare::sessions_kept>},
    {{"weir_pool_sessions_moved_total", Type::counter, "pool, reason",
      "Clients that another node answered, whose cookie they got: theirs was down, ejected, had drained for "
      "long enough (drained), or failed the request."},
     pool_sessions_moved},
    {{"weir_pool_unknown_session_cookies_total", Type::counter, "pool",
      "Requests with a cookie that names no node of the pool: it was made elsewhere, or its node is gone."},
     count_sticky_pools<&core::PoolShare::cookies_unknown>},
    {{"weir_node_eligible", Type::gauge, "pool, node",
      "1 if the node may get new requests, or is only full."},
     node_eligible},
    {{"weir_node_operator_state", Type::gauge, "pool, node, state",
      "1 for the operator's word: active, drain or down."},
     node_operator_state},
    {{"weir_node_health_state", Type::gauge, "pool, node, state",
      "1 for what the health checks say: unknown, up or down."},
     node_health_state},
    {{"weir_node_ejection_state", Type::gauge, "pool, node, state",
      "1 for what its answers say: none, ejected or probation."},
     node_ejection_state},
    {{"weir_node_agent_state", Type::gauge, "pool, node, state",
      "1 for what it says of itself in its answers to checks: up, drain or maint."},
     node_agent_state},
    {{"weir_node_suspect", Type::gauge, "pool, node",
      "1 while the node owes answers and says nothing: it gets new requests only where no other node is "
      "left."},
     node_suspect},
    {{"weir_pool_panic", Type::gauge, "pool",
      "1 while nodes take requests in spite of soft verdicts, since those would leave too few."},
     pool_panic},
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
    {{"weir_node_connections_given_up_total", Type::counter, "pool, node",
      "Connections that were closed so that, within max_connections, another could be made."},
     count_nodes<&NodeShare::connections_given_up>},
    {{"weir_node_connections_reused_total", Type::counter, "pool, node",
      "Requests sent to the node over a connection that had served before."},
     count_nodes<&NodeShare::connections_reused>},
    {{"weir_node_ejections_total", Type::counter, "pool, node, reason",
      "How often the node was ejected: for connects or gateway errors in a row, its success rate or "
      "latency."},
     node_ejections},
    {{"weir_node_returns_total", Type::counter, "pool, node",
      "How often the node passed its probation after an ejection."},
     node_returns},
    {{"weir_node_suspicions_total", Type::counter, "pool, node",
      "How often the node owed answers and said nothing to anybody for too long."},
     node_suspicions},
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
