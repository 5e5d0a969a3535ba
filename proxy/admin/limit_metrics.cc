#include "proxy/admin/metric_family.h"

namespace weir::admin {
namespace {

using core::PoolShare;
using Type = MetricDefinition::Type;

template <class F>
void each_limited_pool(const MetricSource& source, F&& f) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    if (pool.shared->gate.limits()) f(pool, Labels{{"pool", pool.name}});
}

void pool_in_flight(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    family.add(std::move(labels), pool.shared->gate.in_flight());
  });
}

void pool_max_in_flight(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    if (const std::uint64_t most = pool.shared->gate.most(); most != core::PoolGate::kUnlimited)
      family.add(std::move(labels), most);
  });
}

void node_max_in_flight(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    for (const auto& endpoint : pool.endpoints)
      if (const std::uint64_t limit = endpoint->node->limit(); limit != balancer::Node::kUnlimited)
        family.add({{"pool", pool.name}, {"node", endpoint->text}}, limit);
}

void pool_connections(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    family.add(std::move(labels), pool.shared->connections.count());
  });
}

void pool_max_connections(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    if (const std::uint64_t most = pool.shared->connections.most(); most != core::ConnectionBound::kUnlimited)
      family.add(std::move(labels), most);
  });
}

void node_max_connections(const MetricSource& source, Family& family) {
  for (const core::SnapshotPool& pool : source.scene.snapshot->pools)
    for (const auto& endpoint : pool.endpoints)
      if (const std::uint64_t most = endpoint->connections.most(); most != core::ConnectionBound::kUnlimited)
        family.add({{"pool", pool.name}, {"node", endpoint->text}}, most);
}

void pool_queue_length(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    family.add(std::move(labels), pool.shared->gate.waiting());
  });
}

void pool_queue_wait(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, Labels labels) {
    add_histogram(pool.shared->counts, std::move(labels), family,
                  [](const PoolShare& share) -> auto& { return share.queued; });
  });
}

void pool_queue_refused(const MetricSource& source, Family& family) {
  each_limited_pool(source, [&](const core::SnapshotPool& pool, const Labels& labels) {
    const auto& counts = pool.shared->counts;
    family.add(with(labels, "reason", "full"),
               counts.sum([](const PoolShare& share) { return share.queue_full.get(); }));
    family.add(with(labels, "reason", "timeout"),
               counts.sum([](const PoolShare& share) { return share.queue_timeout.get(); }));
    family.add(with(labels, "reason", "shed"),
               counts.sum([](const PoolShare& share) { return share.shed.get(); }));
  });
}

constexpr MetricEntry kLimitEntries[] = {
    {{"weir_pool_in_flight", Type::gauge, "pool",
      "Requests that are at the nodes of a pool with limits now."},
     pool_in_flight},
    {{"weir_pool_max_in_flight", Type::gauge, "pool", "How many there may be, where max_in_flight says it."},
     pool_max_in_flight},
    {{"weir_node_max_in_flight", Type::gauge, "pool, node",
      "How many requests may be at the node, where there is a limit."},
     node_max_in_flight},
    {{"weir_pool_connections", Type::gauge, "pool",
      "Connections to the nodes of a pool with limits, those that are being made included."},
     pool_connections},
    {{"weir_pool_max_connections", Type::gauge, "pool",
      "How many there may be, where max_connections says it."},
     pool_max_connections},
    {{"weir_node_max_connections", Type::gauge, "pool, node",
      "How many connections there may be to the node, where there is a limit."},
     node_max_connections},
    {{"weir_pool_queue_length", Type::gauge, "pool", "Requests that wait for one of the pool's limits."},
     pool_queue_length},
    {{"weir_pool_queue_wait_seconds", Type::histogram, "pool",
      "How long each of those waited that are over with it, however it ended."},
     pool_queue_wait},
    {{"weir_pool_queue_refused_total", Type::counter, "pool, reason",
      "Requests that the queue turned away: it was full, their time was up (timeout), or it stood and they "
      "had "
      "waited longest (shed)."},
     pool_queue_refused},
};

}  // namespace

std::span<const MetricEntry> limit_metrics() {
  return kLimitEntries;
}

}  // namespace weir::admin
