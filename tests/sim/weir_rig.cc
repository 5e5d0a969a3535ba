#include "tests/sim/weir_rig.h"

#include <chrono>
#include <utility>

namespace weir::sim {

using namespace std::chrono_literals;

class WeirRig::Worker final : io::AcceptHandler {
 public:
  Worker(WeirRig& rig, std::size_t number)
      : rig_(rig),
        runtime(rig.world_),
        path(std::make_unique<core::DataPath>(runtime, rig.counts_, number, rig.random_.next(), nullptr,
                                              rig.plan_.traced ? &rig.records_ : nullptr)),
        counts_(rig.listener_.of(number)) {}

  void open() { door_ = runtime.listen(rig_.socket_, *this); }
  void close() { door_.reset(); }

 private:
  void on_accept(io::TransportPtr transport) override {
    if (!path->reserve()) return rig_.book_.broken("Weir is full");
    path->accept(std::move(transport), counts_);
  }

  WeirRig& rig_;

 public:
  SimRuntime runtime;
  std::unique_ptr<core::DataPath> path;

 private:
  observe::ListenerShare& counts_;
  std::unique_ptr<io::Listener> door_;
};

WeirRig::WeirRig(SimWorld& world, const TrialPlan& plan, const std::vector<io::Address>& nodes,
                 TrialBook& book)
    : world_(world),
      plan_(plan),
      nodes_(nodes),
      book_(book),
      random_(plan.seed + 1),
      address_(*io::Address::parse("10.0.0.1:80")),
      socket_(world.listen(address_)),
      table_(std::make_unique<core::NodeTable>(plan.workers)),
      listener_(plan.workers),
      control_(world) {
  for (std::size_t i = 0; i < plan.workers; ++i) workers_.push_back(std::make_unique<Worker>(*this, i));
  prober_ = std::make_unique<core::Prober>(
      control_, random_.next(), 100, [this](const std::shared_ptr<const core::NodeChanges>& changes) {
        for (const auto& worker : workers_)
          worker->runtime.post([path = worker->path.get(), changes] { path->on_nodes_changed(*changes); });
      });
  publish();
  for (const auto& worker : workers_) worker->open();
}

WeirRig::~WeirRig() {
  for (const auto& worker : workers_) worker->close();
  for (const auto& worker : workers_) worker->path.reset();
  prober_.reset();
  workers_.clear();
  world_.close(socket_);
}

void WeirRig::Records::take(observe::SpanBatch batch) {
  for (const observe::Span& span : batch.spans) {
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
                     .connect = 500ms,
                     .response = 1500ms,
                     .attempt = config::kOff,
                     .request = plan_.request_timeout > 0s ? plan_.request_timeout : config::kOff,
                     .stream_idle = 2s,
                     .tunnel = 5s};
  config::Pool& pool = config.pools.emplace_back();
  pool.name = "app";
  pool.strategy = plan_.strategy;
  pool.hash.source = config::HashSource::path;
  pool.retry.attempts = plan_.attempts;
  for (const io::Address& node : nodes_)
    if (swaps_ == 0 || random_.percent(75))
      pool.nodes.push_back({node, swaps_ == 0 ? 1 : static_cast<std::uint32_t>(random_.between(1, 3))});
  if (pool.nodes.empty()) pool.nodes.push_back({nodes_[0], 1});
  if (plan_.checks) {
    config::Health& health = pool.health.emplace();
    health.http.emplace().target = "/healthz";
    health.interval = 300ms;
    health.fast_interval = 60ms;
    health.timeout = 200ms;
    health.fall = 2;
    health.rise = 1;
  }
  if (plan_.traced) config.tracing.emplace().one_in = 1;
  config::Route& route = config.routes.emplace_back();
  route.name = "default";
  route.pool = "app";
  return config;
}

void WeirRig::publish() {
  auto next = std::make_shared<const core::Snapshot>(draw_config(), *table_, core::ResolvedNames{});
  published_.push_back(next);
  for (const auto& endpoint : next->pools[0].endpoints) endpoints_.push_back(endpoint);
  if (routes_.empty()) routes_.push_back(next->routes[0].counts);
  prober_->watch(*next);
  for (const auto& worker : workers_) {
    if (snapshot_)
      worker->runtime.post([path = worker->path.get(), next] { path->publish(next); });
    else
      worker->path->publish(next);
  }
  snapshot_ = std::move(next);
  table_->drop_unused();
}

void WeirRig::swap() {
  ++swaps_;
  publish();
}

void WeirRig::set_descriptors(bool free) {
  for (const auto& worker : workers_) worker->runtime.set_descriptors(free);
  control_.set_descriptors(free);
}

void WeirRig::pause(base::Duration span) {
  for (const auto& worker : workers_) worker->runtime.pause_until(world_.now() + span);
  control_.pause_until(world_.now() + span);
}

void WeirRig::drain() {
  for (const auto& worker : workers_)
    worker->runtime.post([path = worker->path.get()] { path->drain(100ms); });
}

void WeirRig::add_cells(TrialCells& to) const {
  for (const auto& worker : workers_)
    for (std::size_t state = 0; state < to.size(); ++state)
      for (std::size_t event = 0; event < to[state].size(); ++event)
        to[state][event] += worker->path->table().get(state, event);
}

bool WeirRig::drained() const {
  for (const auto& worker : workers_)
    if (!worker->path->drained()) return false;
  return true;
}

void WeirRig::check_balance() {
  if (const std::uint64_t open = counts_.client_connections.load(); open != 0)
    book_.broken("{} client connections are counted as open at the end", open);
  // Those that were refused early may have had a route, or not.
  std::uint64_t requests = 0, answers = 0, refused = 0;
  for (const observe::ListenerShare& share : listener_) {
    requests += share.requests.get();
    for (const base::Reason early : {base::Reason::bad_request, base::Reason::client_timeout})
      refused += share.refused.get(early);
    for (std::size_t state = 0; state < observe::kClientStates.size(); ++state)
      if (share.clients[state].get() != 0)
        book_.broken("{} clients are counted as {} at the end", share.clients[state].get(),
                     observe::kClientStates[state]);
  }
  for (const auto& route : routes_)
    for (const observe::RouteShare& share : *route)
      for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
        answers += share.answers.get(digit);
  if (answers > requests || requests > answers + refused)
    book_.broken("{} requests came, {} are counted at their route, {} as refused early", requests, answers,
                 refused);
  if (const std::uint64_t open = observe::open_connections(listener_); open != 0)
    book_.broken("{} connections of the listener are counted as open", open);
  for (const auto& weak : endpoints_) {
    const auto endpoint = weak.lock();
    if (!endpoint) continue;
    if (endpoint->node->in_flight() != 0)
      book_.broken("node {} has {} requests in flight at the end", endpoint->text,
                   endpoint->node->in_flight());
  }
  for (const auto& worker : workers_) worker->path.reset();
  if (plan_.traced) book_.check_records();
  for (const auto& weak : endpoints_)
    if (const auto endpoint = weak.lock())
      if (const std::uint64_t open = observe::open_connections(endpoint->counts); open != 0)
        book_.broken("{} connections to node {} are counted as open", open, endpoint->text);
  snapshot_.reset();
  for (const auto& snapshot : published_)
    if (!snapshot.expired()) book_.broken("a snapshot is still held by somebody at the end");
}

}  // namespace weir::sim
