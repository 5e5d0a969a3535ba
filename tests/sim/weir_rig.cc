#include "tests/sim/weir_rig.h"

#include "tests/sim/sim_link.h"

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
constexpr std::string_view kName = "nodes.sim";
constexpr std::uint32_t kFewIdle = 10;  // connections, so that the bound is reached
// In which a client that waits comes in, once there is room.
constexpr base::Duration kMostWait = core::Acceptor::kLook + 40ms;

}  // namespace

class WeirRig::Worker {
 public:
  Worker(WeirRig& rig, std::size_t number)
      : runtime(rig.world_),
        path(std::make_unique<core::DataPath>(runtime, rig.counts_, number, rig.random_.next(), nullptr,
                                              rig.plan_.traced ? &rig.records_ : nullptr)),
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

WeirRig::WeirRig(SimWorld& world, const TrialPlan& plan, const std::vector<io::Address>& nodes,
                 TrialBook& book)
    : world_(world),
      plan_(plan),
      nodes_(nodes),
      book_(book),
      random_(plan.seed + 1),
      address_(*io::Address::parse("10.0.0.1:80")),
      socket_(std::make_shared<const io::ListenSocket>(world.listen(address_))),
      listener_(std::make_shared<observe::ListenerCounts>(plan.workers)),
      control_(world),
      maker_(world),
      guard_(control_, *this),
      could_come_in_(plan.workers, base::kNever) {
  for (std::size_t i = 0; i < plan.workers; ++i) workers_.push_back(std::make_unique<Worker>(*this, i));
  if (plan_.named) rename();
  config_ = confirmed_ = draw_config();
  core::FleetOwner& owner = *this;
  fleet_ = std::make_unique<core::Fleet>(control_, maker_, std::make_shared<const config::Config>(config_),
                                         owner, plan.workers, random_.next(), 100);
  fleet_->start();
}

WeirRig::~WeirRig() {
  for (const auto& worker : workers_) worker->end();
  snapshot_.reset();
  fleet_.reset();
  workers_.clear();
  world_.close(*socket_);
}

void WeirRig::Records::add(const observe::Span& span, Sums& to) {
  ++to.answers[static_cast<std::size_t>(span.status / 100) % to.answers.size()];
  ++to.reasons[static_cast<std::size_t>(span.reason)];
}

void WeirRig::Records::compare(std::string_view what, std::uint64_t recorded, std::uint64_t counted) {
  if (recorded != counted) book_.broken("{}: {} by the records, {} by the counts", what, recorded, counted);
}

void WeirRig::Records::check_routes(const std::vector<std::shared_ptr<observe::RouteCounts>>& routes) {
  for (std::size_t digit = 0; digit < routed_.answers.size(); ++digit) {
    std::uint64_t counted = 0;
    for (const auto& route : routes)
      counted += route->sum([&](const observe::RouteShare& share) { return share.answers.get(digit); });
    compare("answers", routed_.answers[digit], counted);
  }
  for (std::size_t reason = 1; reason < routed_.reasons.size(); ++reason) {
    std::uint64_t counted = 0;
    for (const auto& route : routes)
      counted += route->sum([&](const observe::RouteShare& share) {
        return share.failures.get(static_cast<base::Reason>(reason));
      });
    compare(base::word(static_cast<base::Reason>(reason)), routed_.reasons[reason], counted);
  }
}

void WeirRig::Records::check_refused(const observe::ListenerCounts& listener) {
  compare("no node", no_node_, listener.sum([](const observe::ListenerShare& share) {
    return share.refused.get(base::Reason::no_node);
  }));
}

void WeirRig::Records::check_nodes(const std::vector<std::weak_ptr<core::Endpoint>>& nodes) {
  std::uint64_t refused = 0, timed_out = 0, retries = 0;
  std::array<std::uint64_t, observe::StatusClasses::kNames.size()> answers{};
  for (const auto& weak : nodes) {
    const auto endpoint = weak.lock();
    for (const observe::NodeShare& share : endpoint->counts) {
      refused += share.connect_refused.get();
      timed_out += share.connect_timeout.get();
      retries += share.retries.get();
      for (std::size_t digit = 0; digit < answers.size(); ++digit) answers[digit] += share.answers.get(digit);
    }
  }
  compare("connects refused", attempts_.of(base::Reason::connect_refused), refused);
  compare("connects without an answer", attempts_.of(base::Reason::connect_timeout), timed_out);
  compare("repeated attempts", repeated_, retries);
  for (std::size_t digit = 1; digit < answers.size(); ++digit)
    compare("answers of nodes", attempts_.answers[digit], answers[digit]);
}

void WeirRig::Records::take(observe::SpanBatch batch) {
  for (const observe::Span& span : batch.spans) {
    if (span.kind == observe::Span::Kind::client) {
      add(span, attempts_);
      if (span.attempt > 1) ++repeated_;
    } else {
      if (!span.route.empty()) add(span, routed_);
      if (span.reason == base::Reason::no_node) ++no_node_;
    }
    if (span.end_ns < span.begin_ns) book_.broken("a record of {} ends before it begins", span.target);
    RequestEntry* entry = book_.find(TrialBook::id_in(span.target));
    if (entry == nullptr)
      book_.broken("a record of a request that nobody sent: {}", span.target);
    else
      ++(span.kind == observe::Span::Kind::server ? entry->records : entry->attempts);
  }
}

config::Config WeirRig::draw_config() {
  config::Config config;
  config.timeouts = {.header = 2s,
                     .idle = 20s,
                     .body = 2s,
                     .connect = kConnectTimeout,
                     .response = kResponseTimeout,
                     .attempt = config::kOff,
                     .request = plan_.request_timeout > 0s ? plan_.request_timeout : config::kOff,
                     .stream_idle = kStreamIdleTimeout,
                     .tunnel = kTunnelTimeout};
  config::Pool& pool = config.pools.emplace_back();
  pool.name = config_.pools.empty() ? "app" : config_.pools[0].name;
  pool.strategy = plan_.strategy;
  pool.hash.source = config::HashSource::path;
  pool.retry.attempts = plan_.attempts;
  pool.keepalive.max_idle = plan_.max_idle;
  pool.resolve_interval = 1s;
  if (plan_.connections > 0) config.limits.connections = plan_.connections;
  pool.nodes = draw_nodes();
  if (plan_.checks) {
    config::Health& health = pool.health.emplace();
    health.http.emplace().target = "/healthz";
    health.interval = 300ms;
    health.fast_interval = 60ms;
    health.timeout = 200ms;
    health.fall = 2;
    health.rise = 1;
  }
  config.reload.guard = 2s;
  if (plan_.traced) config.tracing.emplace().one_in = 1;
  config::Route& route = config.routes.emplace_back();
  route.name = "default";
  route.pool = pool.name;
  return config;
}

// Now and then all of them are others than before.
std::vector<config::Node> WeirRig::draw_nodes() {
  std::vector<config::Node> nodes;
  if (plan_.named) {
    io::Address& name = nodes.emplace_back().address;
    name.kind = io::Address::Kind::name;
    name.text_ = kName;
    name.port = 80;
    return nodes;
  }
  const bool first = config_.pools.empty();
  const auto was_there = [&](const io::Address& node) {
    return !first && std::any_of(config_.pools[0].nodes.begin(), config_.pools[0].nodes.end(),
                                 [&](const config::Node& each) { return each.address == node; });
  };
  const bool others = random_.percent(25);
  for (const io::Address& node : nodes_)
    if (first || (others ? !was_there(node) : random_.percent(75)))
      nodes.push_back({.address = node, .weight = static_cast<std::uint32_t>(random_.between(1, 3))});
  if (nodes.empty()) nodes.push_back({.address = nodes_[0]});
  return nodes;
}

void WeirRig::configure() {
  auto config = std::make_shared<config::Config>(config_);
  for (config::Node& node : config->pools[0].nodes)
    if (const auto found = operators_.find(node.address.text()); found != operators_.end())
      node.state = found->second;
  fleet_->configure(std::move(config), "swap");
}

void WeirRig::on_fleet_ready() {
  guarded_ = fleet_->config();
  guard_.trust(fleet_->snapshot());
  on_snapshot();
  for (const auto& worker : workers_)
    worker->runtime.post([acceptor = worker->acceptor.get(), all = entrances()] { acceptor->open(all); });
}

void WeirRig::on_snapshot() {
  const auto next = fleet_->snapshot();
  guard(next);
  if (snapshot_) check_made_before_broken(snapshot_->pools[0], next->pools[0]);
  published_.push_back(next);
  watch(next->pools[0]);
  if (std::find(routes_.begin(), routes_.end(), next->routes[0].counts) == routes_.end())
    routes_.push_back(next->routes[0].counts);
  for (const auto& worker : workers_)
    worker->runtime.post([path = worker->path.get(), next] { path->publish(next); });
  snapshot_ = next;
}

// As the supervisor has it: each configuration, but for one that it goes back to.
void WeirRig::guard(const std::shared_ptr<const core::Snapshot>& snapshot) {
  if (draining_) return;
  if (std::exchange(guarded_, fleet_->config()) == fleet_->config()) return guard_.use(snapshot);
  if (std::exchange(retreats_, false)) return guard_.trust(snapshot);
  guard_.begin(snapshot);
}

void WeirRig::on_guard_over() {
  confirmed_ = *guarded_;
}

void WeirRig::on_guard_failed(const std::string& why) {
  book_.tell("the guard: {}", why);
  book_.struck("taken back");
  book_.unsettled(world_.now() + book_.most_making() + 1s);
  config_ = confirmed_;
  retreats_ = true;
  configure();
}

// Where no node that stays, or is new, takes requests, one that did is not taken away.
void WeirRig::check_made_before_broken(const core::SnapshotPool& before, const core::SnapshotPool& pool) {
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

void WeirRig::watch(const core::SnapshotPool& pool) {
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
      watched_.push_back(
          {.node = endpoint->node, .listed_since = world_.now(), .barred_since = base::kNever});
      endpoints_.push_back(endpoint);
    }
  }
}

void WeirRig::swap() {
  ++swaps_;
  config_ = draw_config();
  configure();
}

// Some of the nodes, or now and then none: the name is gone.
void WeirRig::rename() {
  if (!plan_.named) {
    std::string& name = config_.pools[0].name;
    config_.routes[0].pool = name = name == "app" ? "web" : "app";
    return configure();
  }
  std::vector<io::Ip> ips;
  const unsigned kept = swaps_ == 0 && !snapshot_ ? 100 : random_.percent(10) ? 0 : 70;
  for (const io::Address& node : nodes_)
    if (random_.percent(kept)) ips.push_back(node.ip);
  world_.set_name(std::string(kName), std::move(ips));
}

bool WeirRig::lists(const io::Address& node) const {
  const auto& nodes = config_.pools[0].nodes;
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](const config::Node& each) { return each.address == node; });
}

void WeirRig::set_operator(const io::Address& node, balancer::Operator state) {
  operators_[node.text()] = state;
  configure();
}

void WeirRig::drain_for(const io::Address& node, base::Duration time) {
  core::Overrides overrides = fleet_->overrides();
  core::Override word;
  word.state = {balancer::Operator::drain, control_.now() + time, "for a while"};
  overrides.set({config_.pools[0].name, node.text()}, std::move(word));
  fleet_->override_nodes(std::move(overrides), "for a while");
}

// Somebody polls the socket in any case; who no longer does serves the clients that it has.
void WeirRig::move_entrances() {
  if (!snapshot_) return;  // nobody is let in yet
  const std::size_t one = random_.next() % workers_.size();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->polls = i == one || random_.percent(50);
    workers_[i]->runtime.post(
        [acceptor = workers_[i]->acceptor.get(),
         all = workers_[i]->polls ? entrances() : std::vector<core::Entrance>()] { acceptor->open(all); });
  }
}

void WeirRig::on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  for (const auto& worker : workers_)
    worker->runtime.post([path = worker->path.get(), changes] { path->on_nodes_changed(*changes); });
}

void WeirRig::check_step() {
  check_barred();
  check_refusals();
  if (plan_.connections > 0) check_waiting();
  if (plan_.max_idle < kFewIdle) check_idle();
  if (++steps_ % 64 != 0) return;
  check_leases();
  check_connects();
}

// A node that takes no new work gets none.
void WeirRig::check_barred() {
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

// Nobody is refused for want of a node while there is one of which all workers have had the time to hear.
void WeirRig::check_refusals() {
  std::uint64_t refusals = 0;
  for (const observe::ListenerShare& share : *listener_) refusals += share.refused.get(base::Reason::no_node);
  if (std::exchange(refusals_, refusals) < refusals && has_been_open())
    book_.broken("a request was refused for want of a node, and there is one");
}

bool WeirRig::has_been_open() const {
  return std::any_of(watched_.begin(), watched_.end(), [&](const Watched& watched) {
    const base::Time since =
        std::max({watched.listed_since, watched.open_since, stopped_until_, world_.leapt_at()});
    return since < world_.now() && world_.now() - since > kMostNews;
  });
}

// limits.connections is kept, and whoever waits for it comes in once there is room.
void WeirRig::check_waiting() {
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

void WeirRig::check_idle() {
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (endpoint && endpoint->idle_connections.load() > plan_.max_idle)
      book_.broken("{} idle connections to {} are kept; {} may be", endpoint->idle_connections.load(),
                   endpoint->text, plan_.max_idle);
  }
}

// Nobody waits for a connection longer than connects may take.
void WeirRig::check_connects() {
  world_.links().for_each([this](const SimLink& link) {
    const base::Time since = std::max(link.in_black_hole_since(), book_.undisturbed_since());
    if (link.in_black_hole_since() != base::kNever &&
        world_.now() - since > kConnectTimeout + book_.most_reaction())
      book_.broken("a connection to {} is waited for for too long", link.server().text());
  });
}

// There is an attempt of a request at most for each client, and of what is kept no more than the bound.
void WeirRig::check_leases() {
  std::uint64_t in_flight = 0;
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock()) in_flight += endpoint->node->in_flight();
  if (in_flight > counts_.client_connections.load())
    book_.broken("{} requests are in flight for {} clients", in_flight, counts_.client_connections.load());
  for (const auto& worker : workers_)
    if (worker->runtime.most_kept() > kMostKept)
      book_.broken("{} bytes were kept for a peer that takes none", worker->runtime.most_kept());
}

void WeirRig::set_descriptors(bool free) {
  for (const auto& worker : workers_) worker->runtime.set_descriptors(free);
  control_.set_descriptors(free);
}

void WeirRig::pause(base::Duration span) {
  for (const auto& worker : workers_) worker->runtime.pause_until(world_.now() + span);
  control_.pause_until(world_.now() + span);
  stopped_until_ = std::max(stopped_until_, world_.now() + span);
  book_.disturbed(stopped_until_);
}

void WeirRig::drain() {
  draining_ = true;
  guard_.stop();
  fleet_->stop();
  for (const auto& worker : workers_)
    worker->runtime.post(
        [this, acceptor = worker->acceptor.get()] { acceptor->drain(100ms, [] {}, [this] { ++drained_; }); });
}

void WeirRig::add_cells(TrialCells& to) const {
  for (const auto& worker : workers_)
    for (std::size_t state = 0; state < to.size(); ++state)
      for (std::size_t event = 0; event < to[state].size(); ++event)
        to[state][event] += worker->path->table().get(state, event);
}

bool WeirRig::drained() const {
  return drained_ == workers_.size();
}

void WeirRig::check_balance() {
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
    worker->end();
    worker->runtime.timers().advance(world_.now() + 24h);  // whoever would hear of that should be gone
    if (worker->runtime.timers().next() != base::kNever) book_.broken("a worker's timer is set at the end");
  }
  book_.check_tunnels();
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
  world_.run_until(world_.now() + 5s);  // the maker's work
  for (const auto& snapshot : published_)
    if (!snapshot.expired()) book_.broken("a snapshot is still held by somebody at the end");
}

void WeirRig::check_bytes() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const observe::ListenerShare& share = listener_->of(i);
    const SimRuntime& runtime = workers_[i]->runtime;
    if (share.received_bytes.get() != runtime.from_clients || share.sent_bytes.get() != runtime.to_clients)
      book_.broken("{} bytes are counted from clients and {} to them; {} and {} there were",
                   share.received_bytes.get(), share.sent_bytes.get(), runtime.from_clients,
                   runtime.to_clients);
  }
}

void WeirRig::check_records() {
  book_.check_records();
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
