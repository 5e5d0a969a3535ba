// One worker's view of one pool of one snapshot: the balancer that chooses a node, and the connections to
// each. Owned by the worker's Generation; loop thread only.
#pragma once

#include <optional>
#include <vector>

#include "balancer/balancer.h"
#include "balancer/strategies.h"
#include "proxy/core/connection_pool.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class Pool {
 public:
  Pool(const SnapshotPool& compiled, const config::Pool& config, std::vector<ConnectionPool*> connections,
       balancer::Rng seed)
      : compiled_(compiled),
        config_(config),
        takes_key_(balancer::takes_key(config.strategy)),
        connections_(std::move(connections)),
        balancer_(compiled.nodes, config.strategy, seed) {}

  const config::Pool& config() const { return config_; }
  bool takes_key() const { return takes_key_; }  // its strategy wants requests' keys
  std::optional<std::size_t> pick(const balancer::PickInput& input) { return balancer_.pick(input); }
  // Its nodes' words have changed.
  void refresh() { balancer_.refresh(); }
  const std::string& name() const { return compiled_.name; }
  ConnectionPool& connections(std::size_t node) { return *connections_[node]; }
  Endpoint& endpoint(std::size_t node) const { return *compiled_.endpoints[node]; }
  const std::string& host(std::size_t node) const { return compiled_.hosts[node]; }
  std::size_t size() const { return compiled_.endpoints.size(); }

 private:
  const SnapshotPool& compiled_;
  const config::Pool& config_;
  const bool takes_key_;
  std::vector<ConnectionPool*> connections_;  // by node
  balancer::Balancer balancer_;
};

}  // namespace weir::core
