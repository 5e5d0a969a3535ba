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
constexpr std::uint32_t kFewIdle = 10;  // connections, so that the bound is reached
// In which a client that waits comes in, once there is room.
constexpr base::Duration kMostWait = core::Acceptor::kLook + 40ms;

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
        acceptor(std::make_unique<core::Acceptor>(runtime, *path)) {}

  void end() {
    acceptor.reset();
    path.reset();
  }

  SimRuntime runtime;
  std::unique_ptr<core::DataPath> path;
  std::unique_ptr<core::Acceptor> acceptor;
  bool polls = true;
};

WeirProcess::WeirProcess(SimWorld& world, const TrialPlan& plan, TrialBook& book, std::uint32_t number,
                         SimRandom& random, std::shared_ptr<const io::ListenSocket> socket,
                         core::ReloadGuardOwner& owner)
    : world_(world),
      plan_(plan),
      book_(book),
      number_(number),
      random_(random),
      socket_(std::move(socket)),
      listener_(std::make_shared<observe::ListenerCounts>(plan.workers)),
      control_(world, number),
      maker_(world, number),
      guard_(control_, owner),
      could_come_in_(plan.workers, base::kNever) {
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

// It begins with each node as the process before left it.
void WeirProcess::check_inherited(const std::map<std::string, balancer::NodeState>& before) {
  for (const core::SnapshotPool& pool : fleet_->snapshot()->pools)
    for (const auto& endpoint : pool.endpoints) {
      const auto found = before.find(endpoint->text);
      if (found == before.end() || found->second.eligible() == endpoint->node->eligible()) continue;
      book_.broken("{} {} new work in the process before, and the next one begins otherwise", endpoint->text,
                   found->second.eligible() ? "took" : "took no");
    }
}

void WeirProcess::configure(std::shared_ptr<const config::Config> config) {
  given_ = std::move(config);
  drained_before_.clear();
  fleet_->configure(given_, "swap");
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
    worker->runtime.post([this, acceptor = worker->acceptor.get(), all = entrances()] {
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
                          .barred_since = base::kNever});
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
    workers_[i]->runtime.post(
        [acceptor = workers_[i]->acceptor.get(),
         all = workers_[i]->polls ? entrances() : std::vector<core::Entrance>()] { acceptor->open(all); });
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
  estate.legacy = {std::move(known), fleet_->names(), fleet_->overrides()};
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
  if (plan_.connections > 0) check_waiting();
  if (plan_.max_idle < kFewIdle && snapshot_)
    for (const auto& endpoint : snapshot_->pools[0].endpoints) check_idle(*endpoint);
}

// A node that takes no new work gets none.
void WeirProcess::check_barred() {
  for (Watched& watched : watched_) {
    const std::uint64_t before = std::exchange(watched.in_flight, watched.node->in_flight());
    const bool was_barred = std::exchange(watched.barred, !watched.node->eligible());
    (watched.barred ? watched.open_since : watched.barred_since) = base::kNever;
    base::Time& since = watched.barred ? watched.barred_since : watched.open_since;
    since = std::min(since, world_.now());
    if (was_barred && watched.barred && watched.in_flight > before)
      book_.broken("{} takes no new work, and got some", watched.node->key());
  }
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
  for (const observe::ListenerShare& share : *listener_) refusals += share.refused.get(base::Reason::no_node);
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

// There is an attempt of a request at most for each client, and of what is kept no more than the bound.
void WeirProcess::check_leases() {
  std::uint64_t in_flight = 0;
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock()) {
      in_flight += endpoint->node->in_flight();
      check_idle(*endpoint);
    }
  if (in_flight > counts_.client_connections.load())
    book_.broken("{} requests are in flight for {} clients", in_flight, counts_.client_connections.load());
  for (const auto& worker : workers_)
    if (worker->runtime.most_kept() > kMostKept)
      book_.broken("{} bytes were kept for a peer that takes none", worker->runtime.most_kept());
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
  for (const observe::ListenerShare& share : *listener_) {
    requests += share.requests.get();
    for (const base::Reason early : {base::Reason::bad_request, base::Reason::client_timeout})
      refused += share.refused.get(early);
    for (std::size_t state = 0; state < observe::kClientStates.size(); ++state)
      if (share.clients[state].get() != 0)
        book_.broken("{} clients are counted as {} at the end", share.clients[state].get(),
                     observe::kClientStates[state]);
  }
  check_bytes();
  for (const auto& route : routes_)
    for (const observe::RouteShare& share : *route)
      for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
        answers += share.answers.get(digit);
  if (answers > requests || requests > answers + refused)
    book_.broken("{} requests came, {} are counted at their route, {} as refused early", requests, answers,
                 refused);
  if (const std::uint64_t open = observe::open_connections(*listener_); open != 0)
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

void WeirProcess::check_bytes() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const observe::ListenerShare& share = listener_->of(i);
    const SimRuntime& runtime = workers_[i]->runtime;
    if (share.received_bytes.get() != runtime.from_clients || share.sent_bytes.get() != runtime.to_clients)
      book_.broken("{} bytes are counted from clients and {} to them; {} and {} there were",
                   share.received_bytes.get(), share.sent_bytes.get(), runtime.from_clients,
                   runtime.to_clients);
  }
}

void WeirProcess::check_records() {
  records_.check_routes(routes_);
  records_.check_refused(*listener_);
  std::set<std::string> keys;
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (!endpoint || !keys.insert(endpoint->text).second) return;  // what it counted has gone with it
  }
  const bool was_short = std::any_of(plan_.events.begin(), plan_.events.end(), [](const WorldEvent& event) {
    return event.fault == WorldFault::no_descriptors;
  });
  if (!was_short) records_.check_nodes(endpoints_);
}

}  // namespace weir::sim
