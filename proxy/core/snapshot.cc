#include "proxy/core/snapshot.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

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

// Compiles one pool after the other.
class PoolCompiler {
 public:
  PoolCompiler(NodeTable& table, const ResolvedNames& names, const Predecessor& before,
               const Overrides& overrides)
      : table_(table), names_(names), before_(before), overrides_(overrides) {}

  SnapshotPool compile(const config::Pool& pool, std::size_t index) {
    SnapshotPool compiled;
    compiled.name = pool.name;
    compiled.config = index;
    note_before(pool.name);
    bool serves = false;
    for (const config::Node& node : pool.nodes)
      for (const io::Address& address : addresses_of(node, names_)) {
        if (!seen_.insert(address.text()).second) continue;  // two names may resolve to one address
        serves = add(compiled, pool, node, address) || serves;
      }
    if (!serves && !pool.nodes.empty() && before_.leaving == Predecessor::Leaving::kept)
      keep_leaving(compiled);
    std::vector<std::shared_ptr<balancer::Node>> nodes;
    nodes.reserve(compiled.endpoints.size());
    for (const auto& endpoint : compiled.endpoints) nodes.push_back(endpoint->node);
    compiled.nodes = table_.node_set(pool.name, std::move(nodes));
    if (balancer::takes_key(pool.strategy)) compiled.nodes->slots();  // now, and not on a worker's time
    return compiled;
  }

 private:
  struct Place {
    const Endpoint* endpoint;
    const std::optional<config::Health>* health;
  };

  void note_before(const std::string& pool) {
    seen_.clear();
    there_.clear();
    pool_before_ = nullptr;
    if (before_.snapshot == nullptr) return;
    for (const SnapshotPool& each : before_.snapshot->pools)
      if (each.name == pool) pool_before_ = &each;
    if (pool_before_ == nullptr) return;
    for (const auto& endpoint : pool_before_->endpoints) there_.insert(endpoint.get());
  }

  // Whether it takes requests from the beginning.
  bool add(SnapshotPool& compiled, const config::Pool& pool, const config::Node& node,
           const io::Address& address) {
    const auto known = table_.find(pool.name, address);
    const bool stays = known && there_.contains(known.get());
    const auto told = table_.known().take(pool.name, address.text());
    const Place* elsewhere = stays || told ? nullptr : find_elsewhere(address, pool.health);
    const balancer::Health begin =
        told ? told->health_if(pool.health.has_value()) : health_at_begin(pool, elsewhere);
    const bool inherits = (told || elsewhere != nullptr) && begin != balancer::Health::awaited;
    std::uint32_t weight = node.weight;
    ListedWords words = words_of(pool.name, node, address, weight);
    const auto endpoint = table_.get(pool.name, address, weight, begin);
    if (told) told->give_to(*endpoint, table_.known().now());
    if (elsewhere != nullptr) endpoint->learned.take_over(elsewhere->endpoint->learned);
    if (inherits) endpoint->node->set_health(begin);  // it may be one that left, and comes back
    compiled.endpoints.push_back(endpoint);
    compiled.hosts.push_back(host_of(node.address));
    const bool active = words.state == balancer::Operator::active;
    compiled.words.push_back(std::move(words));
    compiled.inherited.push_back(inherits);
    if (!active) return false;
    balancer::NodeState state = endpoint->node->state();
    state.operator_state = balancer::Operator::active;
    return (stays || inherits || !pool.health) && state.eligible();
  }

  // An operator's word comes before the configuration's.
  ListedWords words_of(const std::string& pool, const config::Node& node, const io::Address& address,
                       std::uint32_t& weight) const {
    ListedWords words{.state = node.state, .state_reason = {}, .weight_reason = {}};
    if (overrides_.all().empty()) return words;
    const std::string configured = node.address.text(), text = address.text();
    if (auto said = overrides_.state_of(pool, configured, text)) {
      words.state = said->value;
      words.state_reason = std::move(said->reason);
    }
    if (auto said = overrides_.weight_of(pool, configured, text)) {
      weight = said->value;
      words.weight_reason = std::move(said->reason);
    }
    return words;
  }

  // A node that is not checked in the same way as before takes requests if it did, until it has a verdict.
  static balancer::Health health_at_begin(const config::Pool& pool, const Place* elsewhere) {
    using balancer::Health;
    if (!pool.health) return Health::unknown;
    if (elsewhere == nullptr) return Health::awaited;
    const balancer::NodeState state = elsewhere->endpoint->node->state();
    if (*elsewhere->health == pool.health) return state.health;
    return state.health == Health::up || state.health == Health::unknown ? Health::unknown : Health::awaited;
  }

  // In a pool that was checked in the same way, if there is one.
  const Place* find_elsewhere(const io::Address& address, const std::optional<config::Health>& health) {
    if (before_.snapshot == nullptr) return nullptr;
    if (places_.empty())
      for (const SnapshotPool& each : before_.snapshot->pools)
        for (const auto& endpoint : each.endpoints)
          places_.emplace(endpoint->text, Place{endpoint.get(), &health_of(each)});
    const Place* any = nullptr;
    const auto [first, last] = places_.equal_range(address.text());
    for (auto at = first; at != last; ++at) {
      any = &at->second;
      if (*any->health == health) return any;
    }
    return any;
  }

  const std::optional<config::Health>& health_of(const SnapshotPool& pool) const {
    return before_.snapshot->config.pools[pool.config].health;
  }

  void keep_leaving(SnapshotPool& compiled) {
    if (pool_before_ == nullptr) return;
    for (std::size_t i = 0; i < pool_before_->endpoints.size(); ++i) {
      const auto& endpoint = pool_before_->endpoints[i];
      if (!endpoint->node->eligible() || seen_.contains(endpoint->text)) continue;
      compiled.endpoints.push_back(endpoint);
      compiled.hosts.push_back(pool_before_->hosts[i]);
      compiled.words.emplace_back();
      compiled.inherited.push_back(false);
      ++compiled.leaving;
    }
  }

  NodeTable& table_;
  const ResolvedNames& names_;
  const Predecessor& before_;
  const Overrides& overrides_;
  std::unordered_multimap<std::string, Place> places_;  // of all pools before, by address; made when needed
  const SnapshotPool* pool_before_ = nullptr;           // of the present pool's name
  std::unordered_set<const Endpoint*> there_;           // in it
  std::unordered_set<std::string> seen_;                // addresses of the present pool
};

}  // namespace

std::shared_ptr<Endpoint> NodeTable::get(const std::string& pool, const io::Address& address,
                                         std::uint32_t weight, balancer::Health health) {
  std::shared_ptr<Endpoint>& slot = nodes_[{pool, address.text()}];
  if (!slot) slot = std::make_shared<Endpoint>(address, weight, workers_, health);
  slot->node->set_weight(weight);
  return slot;
}

std::shared_ptr<Endpoint> NodeTable::find(const std::string& pool, const io::Address& address) const {
  const auto found = nodes_.find({pool, address.text()});
  return found == nodes_.end() ? nullptr : found->second;
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

Snapshot::Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names,
                   const Predecessor& before, const Overrides& overrides)
    : config(std::move(parsed)), router(config.routes) {
  PoolCompiler compiler(table, names, before, overrides);
  for (std::size_t i = 0; i < config.pools.size(); ++i) pools.push_back(compiler.compile(config.pools[i], i));
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

bool Snapshot::keeps_leaving() const {
  return std::any_of(pools.begin(), pools.end(), [](const SnapshotPool& pool) { return pool.leaving > 0; });
}

}  // namespace weir::core
