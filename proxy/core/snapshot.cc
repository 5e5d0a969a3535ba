#include "proxy/core/snapshot.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "balancer/strategies.h"
#include "proxy/base/check.h"
#include "proxy/config/merge.h"

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
               const Overrides& overrides, base::Duration drain_timeout)
      : table_(table), names_(names), before_(before), overrides_(overrides), drain_timeout_(drain_timeout) {}

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
    std::vector<balancer::Level> levels;
    nodes.reserve(compiled.endpoints.size());
    levels.reserve(compiled.endpoints.size());
    for (const auto& endpoint : compiled.endpoints) nodes.push_back(endpoint->node);
    for (const ListedWords& words : compiled.words) levels.push_back(words.level);
    compiled.nodes = table_.node_set(pool.name, std::move(nodes), std::move(levels));
    compiled.shared = table_.pool_shared(pool.name);
    if (pool.sticky) stick(compiled, *pool.sticky);
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
  bool add(SnapshotPool& compiled, const config::Pool& pool, config::Node node, const io::Address& address) {
    const auto known = table_.find(pool.name, address);
    const bool stays = known && there_.contains(known.get());
    const auto told = table_.known().take(pool.name, address.text());
    const Place* elsewhere = stays || told ? nullptr : find_elsewhere(address, pool.health);
    const balancer::Health begin =
        told ? told->health_if(pool.health.has_value()) : health_at_begin(pool, elsewhere);
    const bool inherits = (told || elsewhere != nullptr) && begin != balancer::Health::awaited;
    ListedWords words = words_of(pool.name, node, address);
    const auto endpoint = table_.get(pool.name, address, node.weight, begin, words.weight);
    if (told) told->give_to(*endpoint, table_.known().now());
    if (elsewhere != nullptr) endpoint->learned.take_over(elsewhere->endpoint->learned);
    if (elsewhere != nullptr && pool.health && *elsewhere->health == pool.health)
      take_agent_over(*elsewhere->endpoint, *endpoint);
    if (inherits)  // it may be one that left, and comes back
      endpoint->node->set_health(begin, told ? told->health_verdict
                                        : elsewhere != nullptr
                                            ? elsewhere->endpoint->node->state().health_verdict
                                            : balancer::Verdict::hard);
    compiled.endpoints.push_back(endpoint);
    compiled.hosts.push_back(host_of(node.address));
    const bool active = words.state == balancer::Operator::active;
    compiled.words.push_back(std::move(words));
    const bool learns = pool.max_in_flight == config::kAdaptive && node.max_in_flight == config::kUnlimited;
    compiled.limits.push_back(learns ? config::kAdaptive : node.max_in_flight);
    compiled.most_connections.push_back(node.max_connections);
    compiled.inherited.push_back(inherits);
    if (!active) return false;
    balancer::NodeState state = endpoint->node->state();
    state.operator_state = balancer::Operator::active;
    return (stays || inherits || !pool.health) && state.eligible();
  }

  void take_agent_over(const Endpoint& from, Endpoint& to) const {
    const balancer::NodeState state = from.node->state();
    if (state.drains()) to.begin_drain(from.leaves_since(before_.now));
    to.node->set_agent(state.agent, state.agent_weight);
  }

  // An operator's word comes before the configuration's: `node` has weight and limits that count then.
  ListedWords words_of(const std::string& pool, config::Node& node, const io::Address& address) const {
    ListedWords words{.state = node.state, .level = level_of(node), .state_reason = {}, .weight_reason = {}};
    if (overrides_.all().empty()) return words;
    Override said = overrides_.of(pool, node.address.text(), address.text());
    take(said.state, words.state, words.state_reason);
    if (said.weight) words.weight = balancer::Node::Weight::held;
    take(said.weight, node.weight, words.weight_reason);
    take(said.tier, words.level, words.tier_reason);
    take(said.max_in_flight, node.max_in_flight, words.max_in_flight_reason);
    take(said.max_connections, node.max_connections, words.max_connections_reason);
    return words;
  }

  template <class T>
  static void take(std::optional<Override::Part<T>>& said, T& value, std::string& reason) {
    if (!said) return;
    value = said->value;
    reason = std::move(said->reason);
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
      if (is_barred(*endpoint, pool_before_->hosts[i])) continue;
      compiled.endpoints.push_back(endpoint);
      compiled.hosts.push_back(pool_before_->hosts[i]);
      compiled.words.emplace_back().level = pool_before_->words[i].level;
      compiled.limits.push_back(pool_before_->limits[i]);
      compiled.most_connections.push_back(pool_before_->most_connections[i]);
      compiled.inherited.push_back(false);
      ++compiled.leaving;
    }
  }

  void stick(SnapshotPool& compiled, const config::Sticky& sticky) {
    part(compiled);
    std::vector<std::string_view> texts;
    texts.reserve(compiled.endpoints.size() + compiled.parting.size());
    for (const auto& endpoint : compiled.endpoints) texts.push_back(endpoint->text);
    for (const PartingNode& node : compiled.parting) texts.push_back(node.endpoint->text);
    const std::string& secret = sticky.secret.empty() ? table_.sticky_secret : sticky.secret;
    compiled.sticky = std::make_shared<const StickyTokens>(sticky, secret, compiled.name, texts);
  }

  // Those that left just now have as long as those that drain, or what is left of that.
  void part(SnapshotPool& compiled) const {
    if (pool_before_ == nullptr || !pool_before_->sticky) return;
    std::unordered_set<const Endpoint*> listed;
    for (const auto& endpoint : compiled.endpoints) listed.insert(endpoint.get());
    const auto add = [&](PartingNode node) {
      if (node.until > before_.now && !listed.contains(node.endpoint.get()))
        compiled.parting.push_back(std::move(node));
    };
    for (std::size_t i = 0; i < pool_before_->endpoints.size(); ++i) {
      const auto& endpoint = pool_before_->endpoints[i];
      add({endpoint, pool_before_->hosts[i],
           base::deadline(endpoint->leaves_since(before_.now), drain_timeout_)});
    }
    for (const PartingNode& node : pool_before_->parting) add(node);
  }

  // An operator may end a node that the configuration, or its name, no longer has.
  bool is_barred(const Endpoint& endpoint, const std::string& host) const {
    const bool port_is_said = endpoint.address.port != 80;
    const Override said =
        overrides_.of(pool_before_->name, port_is_said ? host : host + ":80", endpoint.text);
    return said.state && said.state->value != balancer::Operator::active;
  }

  NodeTable& table_;
  const ResolvedNames& names_;
  const Predecessor& before_;
  const Overrides& overrides_;
  const base::Duration drain_timeout_;
  std::unordered_multimap<std::string, Place> places_;  // of all pools before, by address; made when needed
  const SnapshotPool* pool_before_ = nullptr;           // of the present pool's name
  std::unordered_set<const Endpoint*> there_;           // in it
  std::unordered_set<std::string> seen_;                // addresses of the present pool
};

}  // namespace

balancer::Level level_of(const config::Node& node) {
  return node.backup ? balancer::kBackup : static_cast<balancer::Level>(node.priority);
}

std::shared_ptr<Endpoint> NodeTable::get(const std::string& pool, const io::Address& address,
                                         std::uint32_t weight, balancer::Health health,
                                         balancer::Node::Weight as) {
  std::shared_ptr<Endpoint>& slot = nodes_[{pool, address.text()}];
  if (!slot) slot = std::make_shared<Endpoint>(address, weight, workers_, health, pool_shared(pool));
  slot->node->set_weight(weight, as);
  return slot;
}

std::shared_ptr<Endpoint> NodeTable::find(const std::string& pool, const io::Address& address) const {
  const auto found = nodes_.find({pool, address.text()});
  return found == nodes_.end() ? nullptr : found->second;
}

std::shared_ptr<const balancer::NodeSet> NodeTable::node_set(
    const std::string& pool, std::vector<std::shared_ptr<balancer::Node>> nodes,
    std::vector<balancer::Level> levels) {
  std::weak_ptr<const balancer::NodeSet>& slot = sets_[pool];
  auto set = std::make_shared<const balancer::NodeSet>(std::move(nodes), std::move(levels));
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

std::shared_ptr<PoolShared> NodeTable::pool_shared(const std::string& pool) {
  std::shared_ptr<PoolShared>& slot = pools_[pool];
  if (!slot) slot = std::make_shared<PoolShared>(workers_, pool, desk_);
  return slot;
}

std::shared_ptr<HeadTimes> NodeTable::head_times(const std::string& route, const std::string& pool) {
  std::shared_ptr<HeadTimes>& slot = head_times_[{route, pool}];
  if (!slot) slot = std::make_shared<HeadTimes>(workers_);
  return slot;
}

void NodeTable::drop_unused() {
  std::erase_if(head_times_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(routes_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(nodes_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(pools_, [](const auto& item) { return item.second.use_count() == 1; });
  std::erase_if(sets_, [](const auto& item) { return item.second.expired(); });
}

Snapshot::Snapshot(config::Config parsed, NodeTable& table, const ResolvedNames& names,
                   const Predecessor& before, const Overrides& overrides)
    : config(std::move(parsed)), router(config.routes), routers(config) {
  PoolCompiler compiler(table, names, before, overrides, config.drain_timeout);
  for (std::size_t i = 0; i < config.pools.size(); ++i) pools.push_back(compiler.compile(config.pools[i], i));
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const config::Route& route = config.routes[i];
    auto pool =
        std::find_if(pools.begin(), pools.end(), [&](const SnapshotPool& p) { return p.name == route.pool; });
    WEIR_CHECK(pool != pools.end());  // validated
    const config::Pool& pool_config = config.pools[pool->config];
    const config::Hedge& hedge = route.hedge ? *route.hedge : pool_config.hedge;
    routes.push_back(
        {.config = i,
         .pool = static_cast<std::size_t>(pool - pools.begin()),
         .timeouts = config::timeouts_of(config, pool_config, route),
         .retry = config::merge(pool_config.retry, route.retry),
         .hedge = hedge,
         .priority = route.priority,
         .counts = table.route_counts(route.name, route.pool),
         .head_times = hedge.percentile > 0 ? table.head_times(route.name, route.pool) : nullptr,
         .admission = policy::make_admission(route.access, route.rate_limit, "route " + route.name)});
  }
}

namespace {

// Of those that may speak HTTP/2 it shows how many requests a connection takes.
std::uint64_t known_streams(const config::Pool& pool) {
  const bool shows = pool.protocol == config::Protocol::h2 ||
                     (pool.protocol == config::Protocol::any && pool.settings.value != nullptr);
  return shows ? 0 : 1;
}

void apply_limit(Endpoint& endpoint, std::uint64_t limit, std::size_t workers) {
  if (limit == config::kAdaptive) return endpoint.make_learner(workers).begin(*endpoint.node);
  if (LimitLearner* learner = endpoint.learner.load(std::memory_order_relaxed))
    return learner->end(*endpoint.node, limit);
  endpoint.node->set_limit(limit);
}

}  // namespace

std::string configured_name(const SnapshotPool& pool, std::size_t index) {
  const Endpoint& endpoint = *pool.endpoints[index];
  if (endpoint.address.kind != io::Address::Kind::ip) return endpoint.text;
  return pool.hosts[index] + (endpoint.address.port == 80 ? ":80" : "");
}

// While something is limited everybody counts, so that comes first and goes last.
void Snapshot::apply_limits() const {
  for (const SnapshotPool& pool : pools) {
    const config::Pool& pool_config = config.pools[pool.config];
    PoolGate& gate = pool.shared->gate;
    PoolGate::Terms terms{.limits = pool_config.max_in_flight != config::kUnlimited,
                          .most_in_flight = pool_config.max_in_flight == config::kAdaptive
                                                ? PoolGate::kUnlimited
                                                : pool_config.max_in_flight,
                          .queue_size = pool_config.queue.size,
                          .queue_timeout = pool_config.queue.timeout};
    terms.limits |= pool_config.max_connections != config::kUnlimited;
    for (const auto* limits : {&pool.limits, &pool.most_connections})
      for (const std::uint64_t limit : *limits) terms.limits |= limit != config::kUnlimited;
    if (terms.limits) gate.use(terms);
    const std::uint64_t streams = known_streams(pool_config);
    if (streams != 0) pool.shared->forget_streams();
    pool.shared->connections.allow(pool_config.max_connections, streams);
    pool.shared->apply_capacity();
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
      apply_limit(*pool.endpoints[i], pool.limits[i], pool.shared->workers);
      pool.endpoints[i]->connections.allow(pool.most_connections[i], streams);
      pool.endpoints[i]->apply_capacity();
    }
    if (!terms.limits) gate.use(terms);
    gate.poke();
  }
}

bool Snapshot::keeps_leaving() const {
  return std::any_of(pools.begin(), pools.end(), [](const SnapshotPool& pool) { return pool.leaving > 0; });
}

}  // namespace weir::core
