// The whole configuration, compiled: what an exchange needs to find its route, pool and nodes. Immutable,
// shared by all threads, pinned by each exchange that began under it. Availability is not in it: that lives
// in the nodes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balancer/node_set.h"
#include "proxy/config/config.h"
#include "proxy/core/endpoint.h"
#include "proxy/policy/router.h"

namespace weir::core {

// What lives on from snapshot to snapshot: the nodes of every pool by address, and what is counted of each
// route. One thread at a time: the one that makes snapshots.
class NodeTable {
 public:
  explicit NodeTable(std::size_t workers) : workers_(workers) {}

  // `health` is what a node begins with that was not there before.
  std::shared_ptr<Endpoint> get(const std::string& pool, const io::Address& address, std::uint32_t weight,
                                balancer::Health health = balancer::Health::unknown);
  // A pool's nodes; the same object as before while nodes and weights are the same, with all that was built
  // for them.
  std::shared_ptr<const balancer::NodeSet> node_set(const std::string& pool,
                                                    std::vector<std::shared_ptr<balancer::Node>> nodes);
  std::shared_ptr<observe::RouteCounts> route_counts(const std::string& route, const std::string& pool);
  void drop_unused();  // those that no snapshot and no connection holds any more

 private:
  const std::size_t workers_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<observe::RouteCounts>> routes_;
  std::map<std::string, std::weak_ptr<const balancer::NodeSet>> sets_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Endpoint>> nodes_;
};

// The addresses of host names, as last resolved. A name that is missing has not been resolved yet.
using ResolvedNames = std::map<std::string, std::vector<io::Ip>>;

struct SnapshotPool {
  std::string name;
  std::size_t config = 0;                            // index in Config::pools
  std::vector<std::shared_ptr<Endpoint>> endpoints;  // parallel to `nodes`
  std::vector<std::string> hosts;  // of each: Host of a request that named nobody; as the node is configured
  std::shared_ptr<const balancer::NodeSet> nodes;
};

struct SnapshotRoute {
  std::size_t config = 0;     // index in Config::routes
  std::size_t pool = 0;       // index in Snapshot::pools
  config::Timeouts timeouts;  // top, pool and route, merged
  std::shared_ptr<observe::RouteCounts> counts;
};

struct Snapshot {
  Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names);

  const config::Config config;
  std::vector<SnapshotPool> pools;
  std::vector<SnapshotRoute> routes;  // in order of the configuration
  const policy::Router router;
};

}  // namespace weir::core
