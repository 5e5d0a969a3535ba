#include "tests/sim/weir_process.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace weir::sim {

using namespace std::chrono_literals;

namespace {

// What is kept of one direction of a connection: what is owed at most, and what one more reading brought.
constexpr std::size_t kMostKept = 64 * 1024 + 2 * SimRuntime::kReadBuffer;
// In which news of a node has come to all workers.
constexpr base::Duration kMostNews = 1200ms;
// In which a snapshot is made, with what was known of its nodes when that began, and enters into force.
constexpr base::Duration kMostMaking = 4500ms;
// In which a place that is free is taken by somebody who waits for it.
constexpr base::Duration kMostTurn = 300ms;
constexpr std::uint32_t kFewIdle = 10;  // connections, so that the bound is reached
// In which a client that waits comes in, once there is room.
constexpr base::Duration kMostWait = core::Acceptor::kLook + 40ms;

// By more than that it drains.
bool is_barred_otherwise(balancer::NodeState state) {
  if (state.operator_state == balancer::Operator::drain) state.operator_state = balancer::Operator::active;
  if (state.agent == balancer::Agent::drain) state.agent = balancer::Agent::up;
  return !state.eligible();
}

bool another_is_out_hard(const core::SnapshotPool& pool, const core::Endpoint& than) {
  return std::any_of(pool.endpoints.begin(), pool.endpoints.end(), [&](const auto& endpoint) {
    return endpoint.get() != &than && endpoint->node->state().is_out_by(balancer::Verdict::hard);
  });
}

std::size_t count_nodes(const config::Config& config, const core::ResolvedNames& names) {
  std::size_t count = 0;
  for (const config::Node& node : config.pools[0].nodes) {
    const auto found = names.find(node.address.text_);
    count += node.address.kind != io::Address::Kind::name ? 1
             : found == names.end()                       ? 0
                                                          : found->second.size();
  }
  return count;
}

}  // namespace

class WeirProcess::Worker {
 public:
  Worker(WeirProcess& process, std::size_t number)
      : runtime(process.world_, process.number_),
        path(std::make_unique<core::DataPath>(runtime, process.counts_, number, process.random_.next(),
                                              nullptr, process.plan_.traced ? &process.records_ : nullptr)),
        acceptor(std::make_unique<core::Acceptor>(runtime, *path)) {
    runtime.spoil(path->tls_scratch().plain);
    for (std::size_t i = 0; i < process.inlets_.size(); ++i)
      receptions.push_back(std::make_shared<core::Reception>());
  }

  void end() {
    acceptor.reset();
    path.reset();
  }

  SimRuntime runtime;
  std::unique_ptr<core::DataPath> path;
  std::unique_ptr<core::Acceptor> acceptor;
  // Parallel to inlets_; its own, since a step within a lock that loops share would never end.
  std::vector<std::shared_ptr<core::Reception>> receptions;
  bool polls = true;
};

WeirProcess::WeirProcess(SimWorld& world, const TrialPlan& plan, TrialBook& book, std::uint32_t number,
                         SimRandom& random, const Sockets& sockets, core::ReloadGuardOwner& owner)
    : world_(world),
      plan_(plan),
      book_(book),
      number_(number),
      random_(random),
      control_(world, number),
      maker_(world, number),
      guard_(control_, owner),
      could_come_in_(plan.workers, base::kNever) {
  for (const auto& socket : sockets)
    inlets_.push_back({socket, std::make_shared<observe::ListenerCounts>(plan.workers)});
  for (std::size_t i = 0; i < plan.workers; ++i) workers_.push_back(std::make_unique<Worker>(*this, i));
}

WeirProcess::~WeirProcess() {
  for (const auto& worker : workers_) worker->end();
  snapshot_.reset();
  fleet_.reset();
  workers_.clear();
}

void WeirProcess::start(std::shared_ptr<const config::Config> config) {
  make_fleet(std::move(config), {});
  fleet_->start();
}

void WeirProcess::take_over(Estate estate) {
  for (const auto& [address, state] : estate.nodes)
    if (state.operator_state != balancer::Operator::active) drained_before_.insert(address);
  drained_until_ = estate.legacy.overrides.next_end();
  const std::size_t known = count_nodes(*estate.config, estate.legacy.names);
  make_fleet(std::move(estate.config), std::move(estate.legacy));
  if (const std::size_t listed = fleet_->snapshot()->pools[0].endpoints.size(); listed != known)
    book_.broken("the process before knew of {} nodes, the next one begins with {}", known, listed);
  check_inherited(estate.nodes);
  control_.post([this] { fleet_->start(); });
}

void WeirProcess::make_fleet(std::shared_ptr<const config::Config> config, core::Legacy legacy) {
  given_ = std::move(config);
  core::FleetOwner& owner = *this;
  fleet_ = std::make_unique<core::Fleet>(control_, maker_, given_, owner, plan_.workers, random_.next(), 100,
                                         std::move(legacy));
}

// It begins with each node as the process before left it, but that one which was barred by soft verdicts
// alone may be pardoned meanwhile: by words of operators that were not in force there yet, and where one that
// takes no connections is out instead.
void WeirProcess::check_inherited(const std::map<std::string, balancer::NodeState>& before) {
  for (const core::SnapshotPool& pool : fleet_->snapshot()->pools)
    for (const auto& endpoint : pool.endpoints) {
      const auto found = before.find(endpoint->text);
      if (found == before.end()) continue;
      const bool took = found->second.eligible();
      const balancer::NodeState state = endpoint->node->state();
      if (found->second.bar() == state.bar() && (!took || state.eligible())) continue;
      const bool brought_back = found->second.ejection != state.ejection;
      if (brought_back && (pool.endpoints.size() < before.size() || another_is_out_hard(pool, *endpoint)))
        continue;
      book_.broken("{} {} new work in the process before, and the next one begins otherwise", endpoint->text,
                   took ? "took" : "took no");
    }
}

void WeirProcess::configure(std::shared_ptr<const config::Config> config) {
  given_ = std::move(config);
  drained_before_.clear();
  fleet_->configure(given_, "swap");
}

void WeirProcess::use_tls(std::shared_ptr<const tls::ServerSettings> settings) {
  for (const auto& worker : workers_) worker->receptions.at(1)->use({.tls = settings});
}

std::vector<core::Entrance> WeirProcess::entrances(const Worker& worker) const {
  std::vector<core::Entrance> all;
  for (std::size_t i = 0; i < inlets_.size(); ++i)
    all.push_back({inlets_[i].socket, inlets_[i].counts, worker.receptions[i]});
  return all;
}

void WeirProcess::go_back(std::shared_ptr<const config::Config> config) {
  retreats_ = true;
  configure(std::move(config));
}

void WeirProcess::on_fleet_ready() {
  guarded_ = fleet_->config();
  guard_.trust(fleet_->snapshot());
  on_snapshot();
  for (const auto& worker : workers_)
    worker->runtime.post([this, acceptor = worker->acceptor.get(), all = entrances(*worker)] {
      acceptor->open(all);
      ++working_;
    });
}

void WeirProcess::on_snapshot() {
  const auto next = fleet_->snapshot();
  guard(next);
  if (snapshot_) check_made_before_broken(snapshot_->pools[0], next->pools[0]);
  published_.push_back(next);
  watch(next->pools[0]);
  std::set<std::string> listed;
  for (const auto& endpoint : next->pools[0].endpoints) listed.insert(endpoint->text);
  book_.lists(number_, listed);
  if (std::find(routes_.begin(), routes_.end(), next->routes[0].counts) == routes_.end())
    routes_.push_back(next->routes[0].counts);
  if (std::find(pools_.begin(), pools_.end(), next->pools[0].shared) == pools_.end())
    pools_.push_back(next->pools[0].shared);
  for (const auto& worker : workers_)
    worker->runtime.post([path = worker->path.get(), next] { path->publish(next); });
  snapshot_ = next;
}

// As the supervisor has it: each configuration, but for one that it goes back to.
void WeirProcess::guard(const std::shared_ptr<const core::Snapshot>& snapshot) {
  if (draining_) return;
  if (std::exchange(guarded_, fleet_->config()) == fleet_->config()) return guard_.use(snapshot);
  if (std::exchange(retreats_, false)) return guard_.trust(snapshot);
  guard_.begin(snapshot);
}

// Where no node that stays, or is new, takes requests, one that did is not taken away.
void WeirProcess::check_made_before_broken(const core::SnapshotPool& before, const core::SnapshotPool& pool) {
  const auto long_since = [&](const core::Endpoint& endpoint, base::Time Watched::* since) {
    const auto found = std::find_if(watched_.begin(), watched_.end(),
                                    [&](const Watched& watched) { return watched.node == endpoint.node; });
    return found == watched_.end() || world_.now() - kMostMaking > (*found).*since;
  };
  if (before.name != pool.name || stopped_until_ + kMostMaking > world_.now()) return;
  for (const auto& endpoint : pool.endpoints)
    if (endpoint->node->eligible() || !long_since(*endpoint, &Watched::barred_since)) return;
  for (std::size_t i = 0; i + before.leaving < before.endpoints.size(); ++i) {
    const auto& endpoint = before.endpoints[i];
    if (endpoint->node->eligible() && long_since(*endpoint, &Watched::open_since) &&
        std::find(pool.endpoints.begin(), pool.endpoints.end(), endpoint) == pool.endpoints.end())
      book_.broken("{} took requests, and was removed before another one does", endpoint->text);
  }
}

// The workers have its first nodes before the first client.
void WeirProcess::watch(const core::SnapshotPool& pool) {
  for (Watched& watched : watched_)
    if (std::none_of(pool.endpoints.begin(), pool.endpoints.end(),
                     [&](const auto& endpoint) { return watched.node == endpoint->node; }))
      watched.listed_since = base::kNever;
  for (const auto& endpoint : pool.endpoints) {
    const auto found = std::find_if(watched_.begin(), watched_.end(),
                                    [&](const Watched& watched) { return watched.node == endpoint->node; });
    if (found != watched_.end()) {
      found->listed_since = std::min(found->listed_since, world_.now());
    } else {
      watched_.push_back({.node = endpoint->node,
                          .listed_since = snapshot_ ? world_.now() : base::Time{},
                          .barred_since = base::kNever,
                          .drained_at_first = endpoint->node->state().drains()});
      endpoints_.push_back(endpoint);
    }
  }
}

void WeirProcess::drain_for(const io::Address& node, base::Duration time) {
  core::Overrides overrides = fleet_->overrides();
  core::Override word;
  word.state = {balancer::Operator::drain, control_.now() + time, "for a while"};
  overrides.set({config().pools[0].name, node.text()}, std::move(word));
  drained_before_.clear();
  fleet_->override_nodes(std::move(overrides), "for a while");
}

// Somebody polls the socket in any case; who no longer does serves the clients that it has.
void WeirProcess::move_entrances() {
  if (!snapshot_) return;  // nobody is let in yet
  const std::size_t one = random_.next() % workers_.size();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->polls = i == one || random_.percent(50);
    workers_[i]->runtime.post([acceptor = workers_[i]->acceptor.get(),
                               all = workers_[i]->polls
                                         ? entrances(*workers_[i])
                                         : std::vector<core::Entrance>()] { acceptor->open(all); });
  }
}

void WeirProcess::on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  for (const auto& worker : workers_)
    worker->runtime.post([path = worker->path.get(), changes] { path->on_nodes_changed(*changes); });
}

bool WeirProcess::may_be_replaced() const {
  return snapshot_ && fleet_->config() == given_ && !guard_.watching() && !draining_;
}

WeirProcess::Estate WeirProcess::estate() const {
  core::KnownNodes known(control_.now());
  Estate estate{.config = fleet_->config(), .legacy = {}, .nodes = {}};
  for (const core::SnapshotPool& pool : fleet_->snapshot()->pools)
    for (const auto& endpoint : pool.endpoints) {
      known.add(pool.name, endpoint->text, core::KnownNode::of(*endpoint, control_.now()));
      balancer::NodeState& state = estate.nodes[endpoint->text] = endpoint->node->state();
      state.operator_state = said_of(pool, *endpoint);
    }
  estate.legacy = {std::move(known), fleet_->names(), fleet_->overrides(), fleet_->sticky_secret()};
  return estate;
}

// Which may not be in force yet.
balancer::Operator WeirProcess::said_of(const core::SnapshotPool& pool,
                                        const core::Endpoint& endpoint) const {
  const auto& words = fleet_->overrides().all();
  if (const auto word = words.find({pool.name, endpoint.text}); word != words.end())
    return word->second.state->value;
  for (const config::Node& node : config().pools[pool.config].nodes)
    if (node.address == endpoint.address) return node.state;
  return balancer::Operator::active;
}

void WeirProcess::check_step() {
  if (draining_ && drained()) return;
  check_barred();
  if (!drained_before_.empty()) check_drained_before();
  check_refusals();
  check_shed();
  if (plan_.tiered && snapshot_) note_service();
  if (plan_.connections > 0) check_waiting();
  if (plan_.limits()) check_gates(), check_connections();
  if (plan_.max_idle < kFewIdle && snapshot_)
    for (const auto& endpoint : snapshot_->pools[0].endpoints) check_idle(*endpoint);
}

// A node that takes no new work gets none.
void WeirProcess::check_barred() {
  for (Watched& watched : watched_) {
    const std::uint64_t before = std::exchange(watched.in_flight, watched.node->in_flight());
    check_limit(watched, before);
    const bool was_barred = std::exchange(watched.barred, !watched.node->eligible());
    (watched.barred ? watched.open_since : watched.barred_since) = base::kNever;
    base::Time& since = watched.barred ? watched.barred_since : watched.open_since;
    since = std::min(since, world_.now());
    // Between two steps several loops may have had their turns, and it may have been open meanwhile.
    const std::uint32_t generation = watched.node->state().generation;
    const bool unchanged = std::exchange(watched.generation, generation) == generation;
    check_out(watched);
    if (!watched.node->trusted())
      watched.trusted_since = base::kNever;
    else if (!unchanged || watched.trusted_since == base::kNever)
      watched.trusted_since = world_.now();
    if (plan_.sticky) note_drain(watched);
    // Sessions are no new work.
    const bool has_sessions = watched.drains_since != base::kNever && plan_.sticky &&
                              !is_barred_otherwise(watched.node->state()) &&
                              world_.now() - std::max(watched.drains_since, book_.undisturbed_since()) <
                                  plan_.drain_timeout + book_.most_reaction();
    if (was_barred && watched.barred && unchanged && watched.in_flight > before && !has_sessions)
      book_.broken("{} takes no new work, and got some", watched.node->key());
  }
}

// Whether it keeps its sessions, as far as that is certain.
void WeirProcess::note_drain(Watched& watched) const {
  const balancer::NodeState state = watched.node->state();
  const bool drains = state.drains();
  if (!drains) watched.drained_at_first = false;
  watched.drains_since = drains ? std::min(watched.drains_since, world_.now()) : base::kNever;
  const bool keeps = !is_barred_otherwise(state) &&
                     (!drains || (!watched.drained_at_first &&
                                  world_.now() + book_.most_reaction() <
                                      base::deadline(watched.drains_since, plan_.drain_timeout)));
  watched.keeps_since = keeps ? std::min(watched.keeps_since, world_.now()) : base::kNever;
}

// A request of a session goes to its node first, as long as that keeps its sessions.
void WeirProcess::check_session(const RequestEntry& entry, const observe::Span& first) const {
  if (entry.cookie.empty() || entry.session == first.node) return;
  // Where its node is full, or has become a backup, another one serves it.
  if (plan_.limits() || plan_.tiered) return;
  const core::StickyTokens made({}, kStickySecret, first.pool, {entry.session});
  if (!made.find(entry.cookie)) return;  // of a pool of another name
  const base::Time began = entry.asked_at;
  for (const Watched& watched : watched_) {
    if (watched.node->key() != entry.session) continue;
    const base::Time since = std::max({watched.listed_since, stopped_until_, world_.leapt_at()});
    if (watched.listed_since != base::kNever && since < began && began - since > kMostNews &&
        watched.keeps_since < began)
      book_.broken("request {} is of a session at {}, and went to {}", first.target, entry.session,
                   first.node);
  }
}

// The limit is kept; after another one has come into force, no more are let in before there is room.
void WeirProcess::check_limit(Watched& watched, std::uint64_t before) const {
  const std::uint64_t limit = watched.node->limit();
  const bool same = std::exchange(watched.limit, limit) == limit;
  if (same && watched.in_flight > limit && watched.in_flight > before)
    book_.broken("{} requests are at {}; {} may be", watched.in_flight, watched.node->key(), limit);
}

// The same of pools; and nobody waits while there is room.
void WeirProcess::check_gates() {
  if (!snapshot_) return;
  for (const auto& pool : pools_) {
    const core::PoolGate& gate = pool->gate;
    Gate& before = gates_[&gate];
    const std::uint64_t most = gate.most(), in_flight = gate.in_flight();
    if (most != before.most) before.since = world_.now();
    // What began before there was a limit counts as its worker hears of it.
    const base::Time since = std::max({before.since, stopped_until_, world_.leapt_at()});
    if (world_.now() - since > book_.most_reaction() && in_flight > most && in_flight > before.in_flight)
      book_.broken("{} requests are at a pool's nodes; {} may be", in_flight, most);
    before.most = most;
    before.in_flight = in_flight;
    const core::SnapshotPool& listed = snapshot_->pools[0];
    // A session waits for its own node.
    if (plan_.sticky || listed.shared != pool || gate.newcomers() == 0 || !sees_room(listed) || draining_)
      before.could_go_on = base::kNever;
    else
      before.could_go_on = std::min(before.could_go_on, world_.now());
    // Where mail takes as long as anybody waits, the calls come to those that have gone.
    if (before.could_go_on == base::kNever || plan_.rules.max_mail_delay > kMostTurn) continue;
    const base::Time waits_since = std::max({before.could_go_on, stopped_until_, world_.leapt_at()});
    if (world_.now() - waits_since > kMostTurn + book_.most_reaction())
      book_.broken("somebody waits for a place, and there is one");
  }
}

// At any time, whoever has heard of it: more than a new bound allows end, and no other is made before.
void WeirProcess::check_connections() {
  for (const auto& pool : pools_) check_bound(pool->connections, "a pool's nodes");
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock())
      check_bound(endpoint->connections, endpoint->text), check_slots(*endpoint);
}

// Nobody waits for a connection while one may be made, or lies idle.
void WeirProcess::check_slots(const core::Endpoint& endpoint) {
  const bool could = endpoint.connections.is_waited_for() &&
                     (endpoint.idle_connections.load(std::memory_order_relaxed) > 0 ||
                      (endpoint.connections.has_room() && endpoint.pool->connections.has_room()));
  base::Time& since = could_connect_.try_emplace(&endpoint, base::kNever).first->second;
  since = could ? std::min(since, world_.now()) : base::kNever;
  if (since == base::kNever || plan_.rules.max_mail_delay > kMostTurn) return;
  if (world_.now() - std::max({since, stopped_until_, world_.leapt_at()}) > kMostTurn + book_.most_reaction())
    book_.broken("somebody waits for a connection to {}, and could have one", endpoint.text);
}

void WeirProcess::check_bound(const core::ConnectionBound& bound, std::string_view whose) {
  const Connections before = std::exchange(connections_[&bound], {bound.count(), bound.most()});
  if (bound.is_exceeded() && bound.count() > before.count && bound.most() == before.most)
    book_.broken("{} connections are made to {}; {} may be", bound.count(), whose, bound.most());
}

// At a node of which all workers have heard.
bool WeirProcess::sees_room(const core::SnapshotPool& pool) const {
  if (!pool.shared->gate.has_room()) return false;
  const auto is_backup = [&](const Watched& watched) {  // which nobody is called for
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
      if (pool.endpoints[i]->node == watched.node) return pool.nodes->level(i) == balancer::kBackup;
    return false;
  };
  return std::any_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
    return !is_backup(watched) && watched.listed_since != base::kNever && watched.node->trusted() &&
           watched.node->has_room() &&
           world_.now() - std::max(watched.listed_since, watched.open_since) >
               kMostNews + plan_.rules.max_mail_delay;
  });
}

void WeirProcess::note_service() {
  const core::SnapshotPool& pool = snapshot_->pools[0];
  base::Time since = base::kNever;
  std::set<std::string> backups;
  for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
    if (pool.nodes->level(i) == balancer::kBackup) backups.insert(pool.endpoints[i]->text);
    for (const Watched& watched : watched_)
      if (watched.node == pool.endpoints[i]->node && pool.nodes->level(i) != balancer::kBackup)
        since = std::min(since, std::max(watched.trusted_since, watched.listed_since));
  }
  const bool same = !services_.empty() && services_.back().backups == backups;
  if (same && services_.back().since == since) return;
  const base::Time backups_since = same ? services_.back().backups_since : world_.now();
  services_.push_back({world_.now(), since, backups_since, std::move(backups)});
}

// A request's first try goes to no backup while a node that is none takes work, of which all workers have had
// the time to hear.
void WeirProcess::check_first_try(const observe::Span& span) {
  constexpr base::Duration kTurn = 500ms;  // in which one may be, and not know of what happens
  if (!plan_.tiered || span.attempt != 1) return;
  const base::Time at =
      world_.now() - (std::chrono::milliseconds(world_.wall_ms()) - std::chrono::nanoseconds(span.begin_ns));
  const auto next = std::find_if(services_.begin(), services_.end(),
                                 [&](const Service& service) { return service.at > at; });
  if (next == services_.begin() || (next != services_.end() && next->at - at < kTurn)) return;
  const Service& then = *std::prev(next);
  const base::Time since = std::max({then.since, then.backups_since, stopped_until_, world_.leapt_at()});
  // What one worker sees reaches the others by the control thread; who waits for a connection was given its
  // node before.
  const base::Duration most =
      kMostNews + plan_.rules.max_mail_delay + (plan_.limits() ? plan_.queue_timeout : 0s);
  if (since < at && at - since > most && then.backups.contains(span.node))
    book_.broken("{} is a backup, and got a request while others could take it", span.node);
}

// What an answer or its want has ejected a node for ends by itself, while the control loop turns.
void WeirProcess::check_out(Watched& watched) const {
  const balancer::NodeState state = watched.node->state();
  const bool out =
      state.ejection == balancer::Ejection::ejected && state.ejection_verdict == balancer::Verdict::soft;
  watched.out_since = out ? std::min(watched.out_since, world_.now()) : base::kNever;
  if (!out || ended_at_ != base::kNever) return;
  const base::Time since = std::max({watched.out_since, stopped_until_, world_.leapt_at()});
  if (world_.now() - since > kMostEjectionTime + book_.most_reaction())
    book_.broken("{} is ejected for too long", watched.node->key());
}

// No more nodes of a pool are ejected than may be, and each has its place among them.
void WeirProcess::check_places() {
  if (!snapshot_ || ended_at_ != base::kNever) return;
  const core::SnapshotPool& pool = snapshot_->pools[0];
  std::uint32_t ejected = 0, listed = 0;
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (!endpoint || endpoint->node->state().ejection != balancer::Ejection::ejected) continue;
    if (endpoint->conduct.lends_place()) continue;
    const bool is_listed =
        std::find(pool.endpoints.begin(), pool.endpoints.end(), endpoint) != pool.endpoints.end();
    ejected += is_listed || endpoint->conduct.is_of(*pool.shared) ? 1 : 0;
    listed += is_listed ? 1 : 0;
  }
  // One that takes no connections may be one too many, until another is brought back for it.
  const bool crowded = listed > pool.shared->ejection.most();
  crowded_since_ = crowded ? std::min(crowded_since_, world_.now()) : base::kNever;
  if (crowded && world_.now() - std::max({crowded_since_, stopped_until_, world_.leapt_at()}) >
                     kMostTurn + book_.most_reaction())
    book_.broken("{} nodes are ejected; {} may be", listed, pool.shared->ejection.most());
  if (ejected != pool.shared->ejection.out())
    book_.broken("{} nodes are ejected, and {} are counted", ejected, pool.shared->ejection.out());
}

void WeirProcess::check_drained_before() {
  if (world_.now() >= drained_until_) return drained_before_.clear();
  for (const Watched& watched : watched_)
    if (!watched.barred && drained_before_.contains(watched.node->key()))
      book_.broken("{} was drained in the process before, and takes new work", watched.node->key());
}

// Nobody is refused for want of a node while there is one of which all workers have had the time to hear.
void WeirProcess::check_refusals() {
  std::uint64_t refusals = 0;
  each_share([&](const auto& share) { refusals += share.refused.get(base::Reason::no_node); });
  if (std::exchange(refusals_, refusals) < refusals && has_been_open())
    book_.broken("a request was refused for want of a node, and there is one");
}

bool WeirProcess::has_been_open() const {
  return std::any_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
    const base::Time since =
        std::max({watched.listed_since, watched.open_since, stopped_until_, world_.leapt_at()});
    return since < world_.now() && world_.now() - since > kMostNews;
  });
}

// limits.connections is kept, and whoever waits for it comes in once there is room.
void WeirProcess::check_waiting() {
  const std::uint64_t open = counts_.client_connections.load();
  if (open > plan_.connections && !draining_)
    book_.broken("{} clients are connected; {} may be", open, plan_.connections);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    base::Time& since = could_come_in_[i];
    if (open >= plan_.connections || workers_[i]->acceptor->waiting() == 0 || draining_)
      since = base::kNever;
    else
      since = std::min(since, world_.now());
    if (since != base::kNever && world_.now() - std::max(since, stopped_until_) > kMostWait &&
        world_.leapt_at() < since)
      book_.broken("a client waits to come in, and there is room");
  }
}

void WeirProcess::check_idle(const core::Endpoint& endpoint) {
  if (const std::uint64_t idle = endpoint.idle_connections.load(); idle > plan_.max_idle)
    book_.broken("{} idle connections to {} are kept; {} may be", idle, endpoint.text, plan_.max_idle);
}

// There is an attempt of a request at most for each client, over HTTP/2 for each of its streams, or two where
// second ones begin, or nodes may be suspect; and of what is kept no more than the bound.
void WeirProcess::check_leases() {
  check_places();
  std::uint64_t in_flight = 0;
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock()) {
      in_flight += endpoint->node->in_flight();
      check_idle(*endpoint);
    }
  const std::uint64_t clients = counts_.client_connections.load();
  const std::uint64_t most = clients * plan_.deepest_h2() * (plan_.hedges() || plan_.ejects ? 2 : 1);
  if (in_flight > most) book_.broken("{} requests are in flight for {} clients", in_flight, clients);
  for (const auto& worker : workers_)
    if (worker->runtime.most_kept() > kMostKept)
      book_.broken("{} bytes were kept for a peer that takes none", worker->runtime.most_kept());
}

void WeirProcess::overload(policy::Overload::Level level) {
  counts_.overload = level;
  if (over_) return;
  for (const auto& worker : workers_)
    worker->runtime.post([level, path = worker->path.get(), acceptor = worker->acceptor.get()] {
      level >= policy::Overload::kAcceptsNobody ? acceptor->hold() : acceptor->let_in();
      if (level > 0) path->relieve(0);
    });
}

// Requests are shed by their route's priority and the level alone.
void WeirProcess::check_shed() {
  std::uint64_t shed = 0;
  for (const auto& route : routes_)
    shed += route->sum([](const observe::RouteShare& share) { return share.shed.get(); });
  const policy::Overload::Level level = counts_.overload, before = std::exchange(overload_, level);
  if (std::exchange(shed_, shed) < shed && std::max(level, before) <= plan_.priority)
    book_.broken("a request of priority {} was shed at level {}", plan_.priority, level);
}

void WeirProcess::set_descriptors(bool free) {
  for (const auto& worker : workers_) worker->runtime.set_descriptors(free);
  control_.set_descriptors(free);
}

void WeirProcess::pause(base::Duration span) {
  for (const auto& worker : workers_) worker->runtime.pause_until(world_.now() + span);
  control_.pause_until(world_.now() + span);
  stopped_until_ = std::max(stopped_until_, world_.now() + span);
}

void WeirProcess::leave(base::Duration grace) {
  draining_ = true;
  guard_.stop();
  for (const auto& worker : workers_)
    worker->runtime.post([this, grace, acceptor = worker->acceptor.get()] {
      acceptor->drain(grace, [] {}, [this] { ++drained_; });
    });
}

void WeirProcess::end_checks() {
  fleet_->stop();
  ended_at_ = world_.now();
}

void WeirProcess::check_balance() {
  over_ = true;
  if (const std::uint64_t open = counts_.client_connections.load(); open != 0)
    book_.broken("{} client connections are counted as open at the end", open);
  // Those that were refused early may have had a route, or not.
  std::uint64_t requests = 0, answers = 0, refused = 0;
  each_share([&](const observe::ListenerShare& share) {
    requests += share.requests.get();
    for (const base::Reason early : {base::Reason::bad_request, base::Reason::client_timeout})
      refused += share.refused.get(early);
    for (std::size_t state = 0; state < observe::kClientStates.size(); ++state)
      if (share.clients[state].get() != 0)
        book_.broken("{} clients are counted as {} at the end", share.clients[state].get(),
                     observe::kClientStates[state]);
  });
  check_bytes();
  check_budget();
  for (const auto& pool : pools_)
    if (pool->gate.in_flight() != 0 || pool->gate.waiting() != 0)
      book_.broken("{} requests are counted in a pool at the end, and {} as waiting there",
                   pool->gate.in_flight(), pool->gate.waiting());
  for (const auto& route : routes_)
    for (const observe::RouteShare& share : *route)
      for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
        answers += share.answers.get(digit);
  if (answers > requests || requests > answers + refused)
    book_.broken("{} requests came, {} are counted at their route, {} as refused early", requests, answers,
                 refused);
  for (const Inlet& inlet : inlets_)
    if (const std::uint64_t open = observe::open_connections(*inlet.counts); open != 0)
      book_.broken("{} connections of the listener are counted as open", open);
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (!endpoint) continue;
    if (endpoint->node->in_flight() != 0)
      book_.broken("node {} has {} requests in flight at the end", endpoint->text,
                   endpoint->node->in_flight());
  }
  for (const auto& worker : workers_) {
    for (std::size_t state = 0; state < cells_.size(); ++state)
      for (std::size_t event = 0; event < cells_[state].size(); ++event)
        cells_[state][event] += worker->path->table().get(state, event);
    worker->end();
    worker->runtime.timers().advance(world_.now() + 24h);  // whoever would hear of that should be gone
    if (worker->runtime.timers().next() != base::kNever) book_.broken("a worker's timer is set at the end");
  }
  for (const auto& pool : pools_)
    if (pool->connections.count() != 0 || pool->connections.is_waited_for())
      book_.broken("{} connections to a pool's nodes are counted at the end, or somebody waits for one",
                   pool->connections.count());
  if (plan_.traced) check_records();
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock())
      if (const std::uint64_t open = observe::open_connections(endpoint->counts); open != 0)
        book_.broken("{} connections to node {} are counted as open", open, endpoint->text);
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock())
      if (const std::uint64_t open = observe::open_tunnels(endpoint->counts); open != 0)
        book_.broken("{} tunnels to node {} are counted as open", open, endpoint->text);
  snapshot_.reset();
  fleet_.reset();
  workers_.clear();
}

void WeirProcess::check_snapshots() {
  for (const auto& snapshot : published_)
    if (!snapshot.expired()) book_.broken("a snapshot is still held by somebody at the end");
}

// By TLS they are fewer, and the book knows how many.
void WeirProcess::check_bytes() {
  for (std::size_t i = 0; i < workers_.size(); ++i)
    for (const Inlet& inlet : inlets_) {
      const observe::ListenerShare& share = inlet.counts->of(i);
      const auto& [from, to] = workers_[i]->runtime.carried(world_.address_of(*inlet.socket).port);
      const std::uint64_t received = share.received_bytes.get(), sent = share.sent_bytes.get();
      const bool by_tls = inlets_.size() > 1 && &inlet == &inlets_[1];
      if (by_tls ? received > from || sent > to : received != from || sent != to)
        book_.broken("{} bytes are counted from clients and {} to them; {} and {} there were", received, sent,
                     from, to);
      if (!by_tls) continue;
      tls_received_ += received;
      tls_sent_ += sent;
    }
}

// No more retries than the share of the requests, or the least rate and what was saved of that.
void WeirProcess::check_budget() {
  if (!plan_.retry_budget) return;
  const auto seconds =
      static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(world_.now() - begun_).count());
  for (const auto& pool : pools_) {
    const std::uint64_t retries = pool->counts.sum(
        [](const core::PoolShare& share) { return share.retries.get() + share.hedges.get(); });
    const std::uint64_t requests = pool->traffic(world_.now()).total;
    const std::uint64_t least = policy::RetryBudget::kLeastSaved + policy::RetryBudget::kLeastRate * seconds;
    if (retries > requests * *plan_.retry_budget / 100 + least)
      book_.broken("{} retries were made for {} requests in {} s", retries, requests, seconds);
  }
}

void WeirProcess::check_records() {
  records_.check_routes(routes_);
  std::vector<std::shared_ptr<observe::ListenerCounts>> listeners;
  for (const Inlet& inlet : inlets_) listeners.push_back(inlet.counts);
  records_.check_refused(listeners);
  std::set<std::string> keys;
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (!endpoint || !keys.insert(endpoint->text).second) return;  // what it counted has gone with it
  }
  const bool was_short = std::any_of(plan_.events.begin(), plan_.events.end(), [](const WorldEvent& event) {
    return event.fault == WorldFault::no_descriptors;
  });
  std::uint64_t hedges = 0;
  for (const auto& pool : pools_)
    hedges += pool->counts.sum([](const core::PoolShare& share) { return share.hedges.get(); });
  if (!was_short) records_.check_nodes(endpoints_, hedges);
}

}  // namespace weir::sim
