// The whole configuration, compiled: what an exchange needs to find its route, pool and nodes. Immutable,
// shared by all threads, pinned by each exchange that goes by it. Availability is not in it: that lives
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
#include "proxy/core/head_times.h"
#include "proxy/core/known_nodes.h"
#include "proxy/core/overrides.h"
#include "proxy/core/pool_shared.h"
#include "proxy/core/sticky_tokens.h"
#include "proxy/policy/admission.h"
#include "proxy/policy/listener_routers.h"
#include "proxy/policy/router.h"

namespace weir::core {

struct Snapshot;

// What lives on from snapshot to snapshot: the nodes of every pool by address, and what is counted of each
// route. One thread at a time: the one that makes snapshots.
class NodeTable {
 public:
  // `desk` hears of what workers do with nodes.
  explicit NodeTable(std::size_t workers, KnownNodes known = {}, NodeDesk desk = {}, std::string secret = {})
      : sticky_secret(secret.empty() ? draw_sticky_secret() : std::move(secret)),
        workers_(workers),
        known_(std::move(known)),
        desk_(std::move(desk)) {}

  const std::string sticky_secret;  // of pools that are given none

  // `health` is what a node begins with that was not there before.
  std::shared_ptr<Endpoint> get(const std::string& pool, const io::Address& address, std::uint32_t weight,
                                balancer::Health health = balancer::Health::unknown,
                                balancer::Node::Weight as = balancer::Node::Weight::listed);
  std::shared_ptr<Endpoint> find(const std::string& pool, const io::Address& address) const;  // or nullptr
  // A pool's nodes, and the tier of each; the same object as before while nodes, weights and tiers are the
  // same, with all that was built for them.
  std::shared_ptr<const balancer::NodeSet> node_set(const std::string& pool,
                                                    std::vector<std::shared_ptr<balancer::Node>> nodes,
                                                    std::vector<balancer::Level> levels);
  std::shared_ptr<observe::RouteCounts> route_counts(const std::string& route, const std::string& pool);
  std::shared_ptr<PoolShared> pool_shared(const std::string& pool);
  std::shared_ptr<HeadTimes> head_times(const std::string& route, const std::string& pool);
  KnownNodes& known() { return known_; }  // to another process, and not in the table yet
  void drop_unused();                     // those that no snapshot and no connection holds any more

 private:
  const std::size_t workers_;
  KnownNodes known_;
  const NodeDesk desk_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<observe::RouteCounts>> routes_;
  std::map<std::string, std::weak_ptr<const balancer::NodeSet>> sets_;
  std::map<std::string, std::shared_ptr<PoolShared>> pools_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<HeadTimes>> head_times_;  // by route and pool
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Endpoint>> nodes_;
};

// The addresses of host names, as last resolved. A name that is missing has not been resolved yet.
using ResolvedNames = std::map<std::string, std::vector<io::Ip>>;

// All that a process tells the one that takes its place of the nodes behind it.
struct Legacy {
  KnownNodes nodes;
  ResolvedNames names;
  Overrides overrides;
  std::string sticky_secret;  // "": none is known
};

// Which tier the configuration has it in.
balancer::Level level_of(const config::Node& node);

// What the configuration says of a node, or an operator for the time being.
struct ListedWords {
  balancer::Operator state = balancer::Operator::active;
  balancer::Level level = 0;
  std::string state_reason;  // of an operator's word; else empty
  std::string weight_reason;
  std::string tier_reason{}, max_in_flight_reason{}, max_connections_reason{};
  balancer::Node::Weight weight = balancer::Node::Weight::listed;
};

// A node that left its pool, which is sticky: it keeps its clients until then, and gets no others.
struct PartingNode {
  std::shared_ptr<Endpoint> endpoint;
  std::string host;
  base::Time until{};
};

struct SnapshotPool {
  std::string name;
  std::size_t config = 0;                            // index in Config::pools
  std::vector<std::shared_ptr<Endpoint>> endpoints;  // parallel to `nodes`
  std::vector<std::string> hosts;  // of each: Host of a request that named nobody; as the node is configured
  std::vector<ListedWords> words;  // of each
  std::vector<std::uint64_t> limits;            // of each: requests that may be at it
  std::vector<std::uint64_t> most_connections;  // likewise, connections to it
  // Of each: whether its health was taken over, from the same address in a pool that is gone or from the same
  // node of another process.
  std::vector<bool> inherited;
  // So many at the end were removed, and stay in service until one of the others takes requests.
  std::size_t leaving = 0;
  std::shared_ptr<const balancer::NodeSet> nodes;
  std::shared_ptr<PoolShared> shared;  // with every snapshot that has a pool of this name
  std::vector<PartingNode> parting;
  std::shared_ptr<const StickyTokens> sticky;  // of `endpoints`, then `parting`; nullptr: it is not
};

// As the configuration calls a node: its address, or the host name, with the port, that stands for it.
std::string configured_name(const SnapshotPool& pool, std::size_t index);

struct SnapshotRoute {
  std::size_t config = 0;     // index in Config::routes
  std::size_t pool = 0;       // index in Snapshot::pools
  config::Timeouts timeouts;  // top, pool and route, merged
  config::Retry retry;        // pool and route, merged
  config::Hedge hedge;        // the route's or else the pool's
  config::Priority priority = config::Priority::normal;
  std::shared_ptr<observe::RouteCounts> counts;
  std::shared_ptr<HeadTimes> head_times;               // of a hedge that is given as a percentile
  std::shared_ptr<const policy::Admission> admission;  // nullptr: any client may come
};

// What comes before a snapshot. A pool that would be left without a node that takes requests keeps those that
// were removed, if `leaving` says so; and a node that is new in its pool takes over what is known of the same
// address in another pool, if that was checked in the same way.
struct Predecessor {
  enum class Leaving : std::uint8_t { dropped, kept };

  const Snapshot* snapshot = nullptr;
  Leaving leaving = Leaving::dropped;
  base::Time now{};
};

struct Snapshot {
  Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names,
           const Predecessor& before = {}, const Overrides& overrides = {});

  bool keeps_leaving() const;  // in some pool
  // Control thread: it has come into force, and its limits with it. Who waits in a queue hears of that.
  void apply_limits() const;

  const config::Config config;
  std::vector<SnapshotPool> pools;
  std::vector<SnapshotRoute> routes;      // in order of the configuration
  const policy::Router router;            // of requests, where no route names their listener
  const policy::ListenerRouters routers;  // else, and of raw connections
};

}  // namespace weir::core
