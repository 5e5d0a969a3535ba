// A node as the data path sees it: the balancer's Node with the address to connect to and what all workers
// share about its connections, and what is remembered of it. Lives as long as its pool and address stay in
// the configuration, or a connection to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "balancer/node.h"
#include "balancer/node_set.h"
#include "proxy/core/conduct.h"
#include "proxy/core/learned_limits.h"
#include "proxy/core/limit_learner.h"
#include "proxy/core/node_history.h"
#include "proxy/core/pool_shared.h"
#include "proxy/core/told_limit.h"
#include "proxy/io/address.h"
#include "proxy/observe/shares.h"

namespace weir::core {

struct Endpoint : std::enable_shared_from_this<Endpoint> {
  // `workers`: how many count in its counts. `of`: what workers share of its pool; nullptr, its conduct is
  // nobody's business.
  Endpoint(const io::Address& where, std::uint32_t weight, std::size_t workers,
           balancer::Health health = balancer::Health::unknown, std::shared_ptr<PoolShared> of = nullptr)
      : address(where),
        text(where.text()),
        node(std::make_shared<balancer::Node>(text, weight, health)),
        counts(workers),
        pool(of ? of : std::make_shared<PoolShared>(workers)),
        conduct(*this, std::move(of)) {}

  ~Endpoint() {
    if (pool->note_streams(*this, 0)) {
      pool->apply_capacity();
      pool->gate.poke();
    }
    delete learner.load(std::memory_order_relaxed);
  }
  // Control thread. The limit is to be learned.
  LimitLearner& make_learner(std::size_t workers) {
    if (LimitLearner* made = learner.load(std::memory_order_relaxed)) return *made;
    auto* made = new LimitLearner(workers);
    learner.store(made, std::memory_order_release);
    return *made;
  }

  const io::Address address;
  const std::string text;
  const std::shared_ptr<balancer::Node> node;
  observe::NodeCounts counts;
  const std::shared_ptr<PoolShared> pool;
  Conduct conduct;
  LearnedLimits learned;
  ToldLimit told_limit;
  NodeHistory history;
  std::atomic<base::Time::rep> drains_since{0};  // written by the control thread, before it begins to drain
  struct Bounds {
    balancer::Level tier = 0;
    std::uint64_t max_in_flight = 0, max_connections = 0;  // as config::Node has them
  };
  std::uint32_t noted_weight = 0;        // in the history; 0: it was in no snapshot in force. Control thread
  std::optional<Bounds> noted_bounds{};  // likewise; none: it was in none
  std::atomic<LimitLearner*> learner{nullptr};     // of its limit; made when it is needed first
  std::atomic<std::uint64_t> idle_connections{0};  // over all workers; bounded by keepalive.max_idle
  ConnectionBound connections;

  // Control thread: before a word has it drain.
  void begin_drain(base::Time now) {
    if (!node->state().drains())
      drains_since.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  // When it began to drain, if it does; else `now`, where it leaves otherwise.
  base::Time leaves_since(base::Time now) const {
    if (!node->state().drains()) return now;
    return base::Time(base::Duration(drains_since.load(std::memory_order_relaxed)));
  }
  // One connection to it takes so many requests at a time; at least 1. Any thread.
  void note_streams(std::uint64_t streams) {
    const bool here = connections.note_streams(streams);
    const bool anywhere = pool->note_streams(*this, streams);
    if (here) apply_capacity();
    if (anywhere) pool->apply_capacity();
    if (here || anywhere) pool->gate.poke();
  }
  // To be followed by the gate's poke(), if it may be more than before.
  void apply_capacity() {
    connections.tell_capacity([this](std::uint64_t most) { node->set_capacity(most); });
  }
  void add_leaving() { connections.add_leaving(), pool->connections.add_leaving(); }
  void remove_leaving() { connections.remove_leaving(), pool->connections.remove_leaving(); }
  bool try_add_idle(std::uint64_t limit) {
    std::uint64_t count = idle_connections.load(std::memory_order_relaxed);
    while (count < limit)
      if (idle_connections.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  void remove_idle() { idle_connections.fetch_sub(1, std::memory_order_relaxed); }
};

// By what it is called and not by where it lies, so that what is done for each node of a table is done in the
// same order in every process.
struct ByText {
  std::size_t operator()(const Endpoint* endpoint) const { return std::hash<std::string>()(endpoint->text); }
};

}  // namespace weir::core
