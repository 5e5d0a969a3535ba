#include "tests/sim/weir_rig.h"

#include "tests/sim/sim_link.h"
#include "tests/sim/trial_credentials.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace weir::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kName = "nodes.sim";
// From what one process leaves being written down until the next one has read it.
constexpr base::Duration kMostStart = 300ms;
// In which clients of a process that was replaced have the answers that they wait for, and are told to go.
constexpr base::Duration kLongGrace = 15s;
constexpr base::Duration kShortGrace = 100ms;
constexpr base::Duration kLastMail = 5s;

}  // namespace

WeirRig::WeirRig(SimWorld& world, const TrialPlan& plan, const std::vector<io::Address>& nodes,
                 TrialBook& book)
    : world_(world),
      plan_(plan),
      nodes_(nodes),
      book_(book),
      random_(plan.seed + 1),
      limits_(plan.seed + 2),
      tiers_(plan.seed + 3),
      connections_(plan.seed + 4),
      address_(*io::Address::parse("10.0.0.1:80")),
      tls_address_(*io::Address::parse("10.0.0.1:443")) {
  sockets_.push_back(std::make_shared<const io::ListenSocket>(world.listen(address_)));
  if (plan.has_tls_clients())
    sockets_.push_back(std::make_shared<const io::ListenSocket>(world.listen(tls_address_)));
  in_charge_ = &add_process();
  if (plan_.named) rename();
  config_ = confirmed_ = draw_config();
  in_charge_->start(std::make_shared<const config::Config>(config_));
}

WeirRig::~WeirRig() {
  processes_.clear();
  for (const auto& socket : sockets_) world_.close(*socket);
}

WeirProcess& WeirRig::add_process() {
  core::ReloadGuardOwner& owner = *this;
  WeirProcess& added = *processes_.emplace_back(std::make_unique<WeirProcess>(
      world_, plan_, book_, static_cast<std::uint32_t>(processes_.size()), random_, sockets_, owner));
  if (sockets_.size() > 1) added.use_tls(TrialCredentials::get().listener(terms_));
  return added;
}

// Clients that come from now on are served under other terms, and so are new connections to nodes.
void WeirRig::swap_tls() {
  if (sockets_.size() > 1 && random_.percent(50)) {
    terms_ = (terms_ + 1) % TrialCredentials::kTerms;
    in_charge_->use_tls(TrialCredentials::get().listener(terms_));
    book_.struck("other TLS terms");
  }
}

config::Config WeirRig::draw_config() {
  config::Config config;
  config.timeouts = {.header = 2s,
                     .idle = 20s,
                     .body = kBodyTimeout,
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
  pool.retry.statuses = plan_.retried;
  pool.retry.budget = plan_.retry_budget.value_or(config::kNoBudget);
  pool.retry.backoff = plan_.backoff;
  if (plan_.hedge_after > 0s) pool.hedge.after = plan_.hedge_after;
  pool.hedge.percentile = plan_.hedge_percentile;
  pool.keepalive.max_idle = plan_.max_idle;
  pool.panic = plan_.panic;
  if (plan_.slow_start > 0s) pool.slow_start = plan_.slow_start;
  if (plan_.ejects) {
    pool.ejection->gateway_errors = 3;
    pool.ejection->time = kEjectionTime;
    pool.ejection->max_time = kMostEjectionTime;
  } else {
    pool.ejection.reset();
  }
  pool.resolve_interval = 1s;
  if (!plan_.h2_nodes.empty()) pool.protocol = config::Protocol::h2;
  if (!plan_.tls_nodes.empty()) {
    const bool mixed = std::any_of(plan_.tls_nodes.begin(), plan_.tls_nodes.end(),
                                   [](const TlsManners& manners) { return manners.h1_alone; });
    if (!plan_.h2_nodes.empty() && mixed) pool.protocol = config::Protocol::any;
    pool.settings.value =
        TrialCredentials::get().pool(random_.next() % TrialCredentials::kTerms, pool.protocol);
    pool.tls = pool.settings.value->options();
  }
  if (plan_.connections > 0) config.limits.connections = plan_.connections;
  pool.nodes = draw_nodes();
  if (plan_.limits()) draw_limits(pool);
  if (plan_.checks) {
    config::Health& health = pool.health.emplace();
    health.http.emplace().target = "/healthz";
    health.interval = plan_.tls_nodes.empty() ? 300ms : 1000ms;
    health.fast_interval = 60ms;
    health.timeout = plan_.tls_nodes.empty() ? 200ms : 300ms;
    health.fall = 2;
    health.rise = 1;
  }
  if (plan_.sticky) pool.sticky.emplace().secret = kStickySecret;
  config.drain_timeout = plan_.drain_timeout;
  config.reload.guard = 2s;
  if (plan_.traced) config.tracing.emplace().one_in = 1;
  config::Route& route = config.routes.emplace_back();
  route.name = "default";
  route.pool = pool.name;
  route.priority = static_cast<config::Priority>(plan_.priority);
  return config;
}

// With each configuration they may be others, or none.
void WeirRig::draw_limits(config::Pool& pool) {
  const auto draw_from = [&](SimRandom& random, std::uint32_t first, std::uint64_t most) -> std::uint64_t {
    if (config_.pools.empty()) return first > 0 ? first : config::kUnlimited;
    return random.percent(25) ? config::kUnlimited : random.between(1, most);
  };
  const auto draw = [&](std::uint32_t first, std::uint64_t most) { return draw_from(limits_, first, most); };
  if (plan_.max_connections > 0 || plan_.node_max_connections > 0) {
    pool.max_connections = draw_from(connections_, plan_.max_connections, 8);
    for (config::Node& node : pool.nodes)
      node.max_connections = draw_from(connections_, plan_.node_max_connections, 4);
  }
  pool.max_in_flight = draw(plan_.max_in_flight, 6);
  pool.queue = {.size = plan_.queue_size, .timeout = plan_.queue_timeout};
  for (config::Node& node : pool.nodes) node.max_in_flight = draw(plan_.node_max_in_flight, 3);
  if (!plan_.learns_limits) return;
  if (pool.max_in_flight == config::kUnlimited) pool.max_in_flight = config::kAdaptive;
  for (config::Node& node : pool.nodes)
    if (node.max_in_flight == config::kUnlimited && connections_.percent(50))
      node.max_in_flight = config::kAdaptive;
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
  if (plan_.tiered)
    for (config::Node& node : nodes) draw_tier(node);
  return nodes;
}

void WeirRig::draw_tier(config::Node& node) {
  node.backup = tiers_.percent(35);
  if (!node.backup && tiers_.percent(40)) node.priority = static_cast<std::uint32_t>(tiers_.between(1, 15));
}

std::shared_ptr<const config::Config> WeirRig::wanted() const {
  auto config = std::make_shared<config::Config>(config_);
  for (config::Node& node : config->pools[0].nodes)
    if (const auto found = operators_.find(node.address.text()); found != operators_.end())
      node.state = found->second;
  return config;
}

void WeirRig::on_guard_over() {
  confirmed_ = in_charge_->config();
}

void WeirRig::on_guard_failed(const std::string& why) {
  book_.tell("the guard: {}", why);
  book_.struck("taken back");
  book_.unsettled(world_.now() + book_.most_making() + 1s);
  config_ = confirmed_;
  in_charge_->go_back(wanted());
}

void WeirRig::swap() {
  ++swaps_;
  swap_tls();
  config_ = draw_config();
  in_charge_->configure(wanted());
}

// Some of the nodes, or now and then none: the name is gone.
void WeirRig::rename() {
  if (!plan_.named) {
    std::string& name = config_.pools[0].name;
    config_.routes[0].pool = name = name == "app" ? "web" : "app";
    book_.renamed();
    return in_charge_->configure(wanted());
  }
  std::vector<io::Ip> ips;
  const unsigned kept = swaps_ == 0 && !in_charge_->ready() ? 100 : random_.percent(10) ? 0 : 70;
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
  in_charge_->configure(wanted());
}

// What is known of the nodes is written down now, and read a little later.
bool WeirRig::hand_over() {
  if (hands_over() || !in_charge_->may_be_replaced()) return false;
  estate_ = in_charge_->estate();
  starts_at_ = world_.now() + base::Duration(static_cast<base::Duration::rep>(
                                  random_.between(0, static_cast<std::uint64_t>(kMostStart.count()))));
  return true;
}

void WeirRig::go_on_handing_over() {
  if (estate_ && world_.now() >= std::max(starts_at_, stopped_until_)) start_next();
  WeirProcess& next = *processes_.back();
  if (&next == in_charge_ || !next.working()) return;
  book_.tell("process {} is in charge, and {} leaves", next.number(), in_charge_->number());
  book_.leaves(in_charge_->number());
  in_charge_->leave(kLongGrace);
  in_charge_ = &next;
}

// It counts its nodes' failures from the beginning.
void WeirRig::start_next() {
  WeirProcess& next = add_process();
  book_.tell("process {} starts", next.number());
  std::set<std::string> not_up;
  for (const auto& [node, state] : estate_->nodes)
    if (state.health == balancer::Health::down || state.health == balancer::Health::awaited)
      not_up.insert(node);
  book_.begins(next.number(), std::move(not_up));
  book_.unsettled(world_.now());
  if (!descriptors_) next.set_descriptors(false);
  next.take_over(*std::exchange(estate_, std::nullopt));
}

// One that was replaced ends when nothing is left in it.
void WeirRig::end(WeirProcess& process) {
  if (!process.drained() || process.over()) return;
  if (process.ended_at() == base::kNever) process.end_checks();
  if (world_.now() - process.ended_at() >= kLastMail) process.check_balance();
}

void WeirRig::on_step() {
  if (hands_over()) go_on_handing_over();
  for (const auto& process : processes_) {
    if (process.get() != in_charge_) end(*process);
    process->check_step();
  }
  if (++steps_ % 64 != 0) return;
  check_connects();
  for (const auto& process : processes_) process->check_leases();
}

// Nobody waits for a connection longer than connects may take. Who joins one that is being made waits from
// then on.
void WeirRig::check_connects() {
  const base::Duration most = (plan_.h2_nodes.empty() ? 1 : 2) * kConnectTimeout + book_.most_reaction();
  world_.links().for_each([this, most](const SimLink& link) {
    const base::Time since = std::max(link.in_black_hole_since(), book_.undisturbed_since());
    if (link.in_black_hole_since() != base::kNever && world_.now() - since > most)
      book_.broken("a connection to {} is waited for for too long", link.server().text());
  });
}

void WeirRig::set_descriptors(bool free) {
  descriptors_ = free;
  for (const auto& process : processes_) process->set_descriptors(free);
}

void WeirRig::overload(policy::Overload::Level level) {
  for (const auto& process : processes_) process->overload(level);
}

void WeirRig::pause(base::Duration span) {
  for (const auto& process : processes_) process->pause(span);
  stopped_until_ = std::max(stopped_until_, world_.now() + span);
  book_.disturbed(stopped_until_);
}

void WeirRig::drain() {
  in_charge_->end_checks();
  in_charge_->leave(kShortGrace);
}

bool WeirRig::drained() const {
  return std::all_of(processes_.begin(), processes_.end(),
                     [](const auto& process) { return process->drained(); });
}

void WeirRig::add_cells(TrialCells& to) const {
  for (const auto& process : processes_)
    for (std::size_t state = 0; state < to.size(); ++state)
      for (std::size_t event = 0; event < to[state].size(); ++event)
        to[state][event] += process->cells()[state][event];
}

// Weir counts nothing that no client has said, and all that one has heard.
void WeirRig::check_tls_bytes() {
  std::uint64_t received = 0, sent = 0;
  for (const auto& process : processes_) {
    received += process->tls_received();
    sent += process->tls_sent();
  }
  if (received > book_.tls_sealed || sent < book_.tls_opened)
    book_.broken("{} bytes are counted from clients by TLS and {} to them; they sent {} and read {}",
                 received, sent, book_.tls_sealed, book_.tls_opened);
}

void WeirRig::check_balance() {
  for (const auto& process : processes_)
    if (!process->over()) process->check_balance();
  book_.check_tunnels();
  check_tls_bytes();
  if (plan_.traced) book_.check_records();
  world_.run_until(world_.now() + 5s);  // the maker's work
  for (const auto& process : processes_) process->check_snapshots();
}

}  // namespace weir::sim
