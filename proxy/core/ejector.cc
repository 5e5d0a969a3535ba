#include "proxy/core/ejector.h"

#include <algorithm>
#include <utility>

namespace weir::core {
namespace {

constexpr const char* kTooMany = "too many nodes of the pool would be ejected";

// Of so many nodes may be out at a time: one at least where any may, and never all.
std::uint32_t most_out(std::size_t nodes, std::uint32_t percent) {
  if (nodes < 2 || percent == 0) return 0;
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(nodes * percent / 100, 1, nodes - 1));
}

}  // namespace

Ejector::Ejector(Prober& prober)
    : prober_(prober),
      timer_(prober.runtime().timers(), *this),
      floor_(prober.changes()),
      slow_start_(prober.runtime(), prober.changes()) {
  NodeChangeWitness& witness = *this;
  prober_.changes().tell_at_once(&witness);
}

Ejector::~Ejector() {
  prober_.changes().tell_at_once(nullptr);
}

void Ejector::stop() {
  timer_.cancel();
  slow_start_.stop();
  nodes_.clear();
  places_.clear();  // who is ejected from now on is out for no time at all
}

void Ejector::watch(std::shared_ptr<const Snapshot> snapshot) {
  const std::shared_ptr<const Snapshot> before = std::exchange(snapshot_, std::move(snapshot));
  places_.clear();
  for (std::size_t pool = 0; pool < snapshot_->pools.size(); ++pool)
    for (std::size_t node = 0; node < snapshot_->pools[pool].endpoints.size(); ++node)
      places_.emplace(snapshot_->pools[pool].endpoints[node].get(), Place{pool, node});
  std::erase_if(nodes_, [&](const auto& item) {
    if (places_.contains(item.first)) return false;
    item.second->release("it left the configuration");
    return true;
  });
  plans_.clear();
  for (const SnapshotPool& pool : snapshot_->pools) {
    const config::Pool& config = snapshot_->config.pools[pool.config];
    if (config.ejection)
      watch(pool, config);
    else
      let_go(pool);
  }
  outliers_.watch(*snapshot_);
  floor_.watch(*snapshot_);
  slow_start_.watch(*snapshot_);
  if (plans_.empty())
    timer_.cancel();
  else if (timer_.at() == base::kNever)
    timer_.set(prober_.runtime().now() + OutlierWatch::kGlance);
}

void Ejector::watch(const SnapshotPool& pool, const config::Pool& config) {
  const auto plan = std::make_shared<const EjectionPlan>(
      pool.name, config, config.timeouts.connect.value_or(snapshot_->config.timeouts.connect));
  plans_[pool.name] = plan;
  pool.shared->ejection.use({.connect_failures = config.ejection->connect_failures,
                             .gateway_errors = config.ejection->gateway_errors,
                             .most = most_out(pool.endpoints.size(), config.ejection->max_ejected),
                             .panic = config.panic},
                            pool.nodes);
  for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
    const auto& endpoint = pool.endpoints[i];
    if (const auto found = nodes_.find(endpoint.get()); found != nodes_.end())
      found->second->use(plan, pool.hosts[i]);
    if (endpoint->conduct.suspect_after() == Conduct::kNoLimit)
      endpoint->conduct.set_suspect_after(Conduct::kUnknownSilence);
    if (!std::exchange(endpoint->conduct.inherited, false)) continue;
    if (endpoint->node->state().ejection != balancer::Ejection::none) ejected(endpoint).resume();
  }
  bring_back_beyond(pool, balancer::Verdict::soft);
  bring_back_beyond(pool, balancer::Verdict::hard);
}

// A pool may have become smaller, or its rules others.
void Ejector::bring_back_beyond(const SnapshotPool& pool, balancer::Verdict verdict) {
  for (const auto& endpoint : pool.endpoints) {
    if (pool.shared->ejection.out() <= pool.shared->ejection.most()) return;
    if (endpoint->node->state().is_out_by(verdict) && !endpoint->conduct.lends_place())
      ejected(endpoint).release(kTooMany);
  }
}

void Ejector::let_go(const SnapshotPool& pool) {
  pool.shared->ejection.use({}, nullptr);
  for (const auto& endpoint : pool.endpoints) {
    endpoint->conduct.set_suspect_after(Conduct::kNoLimit);
    bool changed = endpoint->node->clear_of_suspicion();
    if (std::exchange(endpoint->conduct.inherited, false))
      changed = endpoint->node->set_ejection(balancer::Ejection::none) || changed;
    if (const auto found = nodes_.find(endpoint.get()); found != nodes_.end()) {
      found->second->release("its pool ejects no nodes any more");
      nodes_.erase(found);
    }
    if (changed) prober_.changes().note(pool.name, endpoint);
  }
}

EjectedNode& Ejector::ejected(const std::shared_ptr<Endpoint>& endpoint) {
  std::unique_ptr<EjectedNode>& slot = nodes_[endpoint.get()];
  if (!slot) {
    const Place place = places_.at(endpoint.get());
    const SnapshotPool& pool = snapshot_->pools[place.pool];
    slot = std::make_unique<EjectedNode>(prober_, endpoint);
    slot->use(plans_.at(pool.name), pool.hosts[place.node]);
  }
  return *slot;
}

// What has changed again meanwhile is told again.
void Ejector::hear(const NodeNews& news) {
  if (!news.endpoint) return;
  const auto place = places_.find(news.endpoint.get());
  if (place == places_.end() || !plans_.contains(snapshot_->pools[place->second.pool].name)) {
    news.endpoint->conduct.readmit(balancer::Ejection::none);  // nobody would ever bring it back
    return;
  }
  const SnapshotPool& pool = snapshot_->pools[place->second.pool];
  switch (news.kind) {
    case NodeNews::Kind::ejected:
      if (news.endpoint->node->state().ejection == balancer::Ejection::ejected)
        ejected(news.endpoint).eject(news.cause, news.reason);
      if (news.cause == EjectionCause::connect) bring_back_instead(pool);
      break;
    case NodeNews::Kind::acquitted:
      ejected(news.endpoint).acquit();
      break;
    case NodeNews::Kind::suspicion:
      prober_.changes().note(pool.name, news.endpoint);
      recall_in_need(pool);
      break;
    case NodeNews::Kind::failing:
      recall_in_need(pool);
      break;
  }
}

// A node is out that takes no connections: others that only answer badly are better than it, and than none.
void Ejector::bring_back_instead(const SnapshotPool& pool) {
  bring_back_beyond(pool, balancer::Verdict::soft);
  for (const auto& endpoint : pool.endpoints)
    if (endpoint->node->eligible()) return;
  for (const auto& endpoint : pool.endpoints)
    if (endpoint->node->state().is_out_by(balancer::Verdict::soft))
      ejected(endpoint).release("no other node of the pool takes connections");
}

// Those that are out for their answers may be the better ones by now: they are looked at before their time.
void Ejector::recall_in_need(const SnapshotPool& pool) {
  if (pool.shared->ejection.out() == 0 || !is_in_need(pool)) return;
  for (const auto& endpoint : pool.endpoints)
    if (endpoint->node->state().is_out_by(balancer::Verdict::soft))
      ejected(endpoint).recall("the other nodes of the pool do no better");
}

// All nodes that take requests are silent or fail all of them, or most of what they answer is failures.
bool Ejector::is_in_need(const SnapshotPool& pool) const {
  const bool answers = std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [](const auto& endpoint) {
    const balancer::NodeState state = endpoint->node->state();
    return state.eligible() && !state.suspect && !endpoint->conduct.fails_all();
  });
  return !answers || outliers_.mostly_fails(pool);
}

void Ejector::on_noted(const std::string& pool, const std::shared_ptr<Endpoint>& endpoint) {
  if (plans_.contains(pool)) share_place(endpoint);
  floor_.note(pool, *endpoint);
  slow_start_.note(*endpoint);
}

// One that is down by its checks as well leaves its place to another. When they pass it may be one too many.
void Ejector::share_place(const std::shared_ptr<Endpoint>& endpoint) {
  const balancer::NodeState state = endpoint->node->state();
  if (state.ejection != balancer::Ejection::ejected) return;
  const bool lent = endpoint->conduct.lends_place();
  endpoint->conduct.lend_place(state.health == balancer::Health::down);
  const PoolEjection& places = endpoint->pool->ejection;
  const bool one_too_many = lent && !endpoint->conduct.lends_place() && places.out() > places.most();
  if (one_too_many && places_.contains(endpoint.get())) ejected(endpoint).release(kTooMany);
}

void Ejector::on_timer() {
  timer_.set(prober_.runtime().now() + OutlierWatch::kGlance);
  for (const SnapshotPool& pool : snapshot_->pools) {
    const auto& rules = snapshot_->config.pools[pool.config].ejection;
    if (!rules) continue;
    outliers_.glance(pool, *rules);
    recall_in_need(pool);
  }
  if (++glances_ % OutlierWatch::kGlances == 0) look();
}

void Ejector::look() {
  std::erase_if(nodes_, [](const auto& item) {
    if (!item.second->forgotten()) return false;
    item.second->forget();
    return true;
  });
  for (const SnapshotPool& pool : snapshot_->pools)
    if (const auto& rules = snapshot_->config.pools[pool.config].ejection) outliers_.look(pool, *rules);
}

}  // namespace weir::core
