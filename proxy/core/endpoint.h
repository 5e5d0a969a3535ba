// A node as the data path sees it: the balancer's Node with the address to connect to and what all workers
// share about its connections, and what is remembered of it. Lives as long as its pool and address stay in
// the configuration, or a connection to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "balancer/node.h"
#include "proxy/core/learned_limits.h"
#include "proxy/core/node_history.h"
#include "proxy/io/address.h"
#include "proxy/observe/shares.h"

namespace weir::core {

struct Endpoint {
  // `workers`: how many count in its counts.
  Endpoint(const io::Address& where, std::uint32_t weight, std::size_t workers,
           balancer::Health health = balancer::Health::unknown)
      : address(where),
        text(where.text()),
        node(std::make_shared<balancer::Node>(text, weight, health)),
        counts(workers) {}

  const io::Address address;
  const std::string text;
  const std::shared_ptr<balancer::Node> node;
  observe::NodeCounts counts;
  LearnedLimits learned;
  NodeHistory history;
  std::uint32_t noted_weight = 0;  // in the history; 0: it was in no snapshot in force. Control thread
  std::atomic<std::uint64_t> idle_connections{0};  // over all workers; bounded by keepalive.max_idle

  bool try_add_idle(std::uint64_t limit) {
    std::uint64_t count = idle_connections.load(std::memory_order_relaxed);
    while (count < limit)
      if (idle_connections.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  void remove_idle() { idle_connections.fetch_sub(1, std::memory_order_relaxed); }
};

}  // namespace weir::core
