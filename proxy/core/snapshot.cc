#include "proxy/core/snapshot.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "balancer/strategies.h"
#include "proxy/base/check.h"
#include "proxy/policy/deadlines.h"

namespace weir::core {
namespace {

// A node given by name stands for each address that the name has; with none known yet it stands for nothing.
std::vector<io::Address> addresses_of(const config::Node& node, const ResolvedNames& names) {
  if (node.address.kind != io::Address::Kind::name) return {node.address};
  std::vector<io::Address> addresses;
  auto found = names.find(node.address.text_);
  if (found == names.end()) return addresses;
  for (const io::Ip& ip : found->second) {
    io::Address address;
    address.kind = io::Address::Kind::ip;
    address.ip = ip;
    address.port = node.address.port;
    addresses.push_back(address);
  }
  return addresses;
}

// A unix socket has no name that Host could hold, and port 80 goes without saying.
std::string host_of(const io::Address& address) {
  if (address.kind == io::Address::Kind::unix_path) return "localhost";
  std::string text = address.text();
  if (address.port == 80) text.resize(text.size() - std::string_view(":80").size());
  return text;
}

SnapshotPool compile_pool(const config::Pool& pool, std::size_t index, NodeTable& table,
                          const ResolvedNames& names) {
  SnapshotPool compiled;
  compiled.name = pool.name;
  compiled.config = index;
  std::vector<std::shared_ptr<balancer::Node>> nodes;
  const auto begin = pool.health ? balancer::Health::awaited : balancer::Health::unknown;
  std::set<std::string> seen;  // two names may resolve to one address
  for (const config::Node& node : pool.nodes) {
    for (const io::Address& address : addresses_of(node, names)) {
      if (!seen.insert(address.text()).second) continue;
      compiled.endpoints.push_back(table.get(pool.name, address, node.weight, begin));
      compiled.hosts.push_back(host_of(node.address));
      nodes.push_back(compiled.endpoints.back()->node);
    }
  }
  compiled.nodes = table.node_set(pool.name, std::move(nodes));
  if (balancer::takes_key(pool.strategy)) compiled.nodes->slots();  // now, and not on a worker's time
  return compiled;
}

}  // namespace

std::shared_ptr<Endpoint> NodeTable::get(const std::string& pool, const io::Address& address,
                                         std::uint32_t weight, balancer::Health health) {
  std::shared_ptr<Endpoint>& slot = nodes_[{pool, address.text()}];
  if (!slot) slot = std::make_shared<Endpoint>(address, weight, workers_, health);
  slot->node->set_weight(weight);
  return slot;
}

std::shared_ptr<const balancer::NodeSet> NodeTable::node_set(
    const std::string& pool, std::vector<std::shared_ptr<balancer::Node>> nodes) {
  std::weak_ptr<const balancer::NodeSet>& slot = sets_[pool];
  auto set = std::make_shared<const balancer::NodeSet>(std::move(nodes));
  if (auto before = slot.lock(); before && *before == *set) return before;
  slot = set;
  return set;
}

std::shared_ptr<observe::RouteCounts> NodeTable::route_counts(const std::string& route,
                                                              const std::string& pool) {
  std::shared_ptr<observe::RouteCounts>& slot = routes_[{route, pool}];
  if (!slot) slot = std::make_shared<observe::RouteCounts>(workers_);
  return slot;
}

void NodeTable::drop_unused() {
  std::erase_if(routes_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(sets_, [](const auto& item) { return item.second.expired(); });
  std::erase_if(nodes_, [](const auto& item) { return item.second.use_count() == 1; });
}

Snapshot::Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names)
    : config(std::move(parsed)), router(config.routes) {
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    pools.push_back(compile_pool(config.pools[i], i, table, names));
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const config::Route& route = config.routes[i];
    auto pool =
        std::find_if(pools.begin(), pools.end(), [&](const SnapshotPool& p) { return p.name == route.pool; });
    WEIR_CHECK(pool != pools.end());  // validated
    const config::Pool& pool_config = config.pools[pool->config];
    routes.push_back({i, static_cast<std::size_t>(pool - pools.begin()),
                      policy::merge(policy::merge(config.timeouts, pool_config.timeouts), route.timeouts),
                      table.route_counts(route.name, route.pool)});
  }
}

}  // namespace weir::core
