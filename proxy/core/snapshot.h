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
#include "proxy/core/known_nodes.h"
#include "proxy/core/overrides.h"
#include "proxy/policy/router.h"

namespace weir::core {

struct Snapshot;

// What lives on from snapshot to snapshot: the nodes of every pool by address, and what is counted of each
// route. One thread at a time: the one that makes snapshots.
class NodeTable {
 public:
  explicit NodeTable(std::size_t workers, KnownNodes known = {})
      : workers_(workers), known_(std::move(known)) {}

  // `health` is what a node begins with that was not there before.
  std::shared_ptr<Endpoint> get(const std::string& pool, const io::Address& address, std::uint32_t weight,
                                balancer::Health health = balancer::Health::unknown);
  std::shared_ptr<Endpoint> find(const std::string& pool, const io::Address& address) const;  // or nullptr
  // A pool's nodes; the same object as before while nodes and weights are the same, with all that was built
  // for them.
  std::shared_ptr<const balancer::NodeSet> node_set(const std::string& pool,
                                                    std::vector<std::shared_ptr<balancer::Node>> nodes);
  std::shared_ptr<observe::RouteCounts> route_counts(const std::string& route, const std::string& pool);
  KnownNodes& known() { return known_; }  // to another process, and not in the table yet
  void drop_unused();                     // those that no snapshot and no connection holds any more

 private:
  const std::size_t workers_;
  KnownNodes known_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<observe::RouteCounts>> routes_;
  std::map<std::string, std::weak_ptr<const balancer::NodeSet>> sets_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Endpoint>> nodes_;
};

// The addresses of host names, as last resolved. A name that is missing has not been resolved yet.
using ResolvedNames = std::map<std::string, std::vector<io::Ip>>;

// All that a process tells the one that takes its place of the nodes behind it.
struct Legacy {
  KnownNodes nodes;
  ResolvedNames names;
  Overrides overrides;
};

// What the configuration says of a node, or an operator for the time being.
struct ListedWords {
  balancer::Operator state = balancer::Operator::active;
  std::string state_reason;  // of an operator's word; else empty
  std::string weight_reason;
};

struct SnapshotPool {
  std::string name;
  std::size_t config = 0;                            // index in Config::pools
  std::vector<std::shared_ptr<Endpoint>> endpoints;  // parallel to `nodes`
  std::vector<std::string> hosts;  // of each: Host of a request that named nobody; as the node is configured
  std::vector<ListedWords> words;  // of each
  // Of each: whether its health was taken over, from the same address in a pool that is gone or from the same
  // node of another process.
  std::vector<bool> inherited;
  // So many at the end were removed, and stay in service until one of the others takes requests.
  std::size_t leaving = 0;
  std::shared_ptr<const balancer::NodeSet> nodes;
};

struct SnapshotRoute {
  std::size_t config = 0;     // index in Config::routes
  std::size_t pool = 0;       // index in Snapshot::pools
  config::Timeouts timeouts;  // top, pool and route, merged
  std::shared_ptr<observe::RouteCounts> counts;
};

// What comes before a snapshot. A pool that would be left without a node that takes requests keeps those that
// were removed, if `leaving` says so; and a node that is new in its pool takes over what is known of the same
// address in another pool, if that was checked in the same way.
struct Predecessor {
  enum class Leaving : std::uint8_t { dropped, kept };

  const Snapshot* snapshot = nullptr;
  Leaving leaving = Leaving::dropped;
};

struct Snapshot {
  Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names,
           const Predecessor& before = {}, const Overrides& overrides = {});

  bool keeps_leaving() const;  // in some pool

  const config::Config config;
  std::vector<SnapshotPool> pools;
  std::vector<SnapshotRoute> routes;  // in order of the configuration
  const policy::Router router;
};

}  // namespace weir::core
