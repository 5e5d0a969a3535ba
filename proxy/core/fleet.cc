#include "proxy/core/fleet.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"

namespace weir::core {
namespace {

std::string tier_text(balancer::Level tier) {
  return tier == balancer::kBackup ? "backup" : fmt::format("priority {}", tier);
}

}  // namespace

Fleet::Fleet(io::Runtime& runtime, base::Executor& executor, std::shared_ptr<const config::Config> config,
             FleetOwner& owner, std::size_t workers, std::uint64_t seed, std::size_t most_checks,
             Legacy legacy)
    : runtime_(runtime),
      executor_(executor),
      owner_(owner),
      wanted_{std::move(config), std::make_shared<const Overrides>(std::move(legacy.overrides)), 0, {}},
      next_(wanted_),
      in_force_(wanted_),
      self_(std::make_shared<Fleet*>(this)),
      workshop_(std::make_shared<Workshop>(workers, std::move(legacy.nodes), desk(),
                                           std::move(legacy.sticky_secret))),
      timer_(runtime.timers(), *this),
      discovery_(
          runtime, [this] { on_names_changed(); }, [this] { advance(); }, std::move(legacy.names)),
      prober_(
          runtime, seed, most_checks,
          [this](std::shared_ptr<const NodeChanges> changes) { on_changes(std::move(changes)); },
          [this] { advance(); }),
      ejector_(prober_),
      keeping_(*this),
      ending_(*this),
      snapshot_(share(std::make_unique<const Snapshot>(*wanted_.config, workshop_->nodes, discovery_.names(),
                                                       Predecessor{}, *wanted_.overrides))) {
  ending_.set(wanted_.overrides->next_end());
  set_operators();
  ejector_.watch(snapshot_);
}

Fleet::~Fleet() = default;

void Fleet::start() {
  discovery_.watch(*wanted_.config);
  prober_.watch(*snapshot_);
  step_ = Step::naming;
  timer_.set(base::deadline(runtime_.now(), kWait));
  advance();
}

void Fleet::configure(std::shared_ptr<const config::Config> config, std::string reason) {
  wanted_.config = std::move(config);
  wanted_.reason = std::move(reason);
  discovery_.watch(*wanted_.config);
  executor_.run([workshop = workshop_] { workshop->nodes.known() = {}; });
  let_go_ = false;
  keeping_.end();
  change();
}

std::uint64_t Fleet::override_nodes(Overrides overrides, std::string reason) {
  wanted_.overrides = std::make_shared<const Overrides>(std::move(overrides));
  wanted_.reason = std::move(reason);
  const std::uint64_t revision = ++wanted_.revision;
  ending_.set(wanted_.overrides->next_end());
  change();
  return revision;
}

void Fleet::on_overrides_over() {
  Overrides left = *wanted_.overrides;
  left.drop_over(runtime_.now());
  override_nodes(std::move(left), "the time of the operator's word is over");
}

void Fleet::stop() {
  phase_ = Phase::stopped;
  timer_.cancel();
  keeping_.end();
  ending_.set(base::kNever);
  ejector_.stop();
  prober_.stop();
}

NodeDesk Fleet::desk() {
  return [&runtime = runtime_, weak = std::weak_ptr(self_)](NodeNews news) {
    runtime.post([weak, news = std::move(news)] {
      if (const auto fleet = weak.lock()) (*fleet)->ejector_.hear(news);
    });
  };
}

void Fleet::on_names_changed() {
  change();
}

// Something of what snapshots are made of has changed.
void Fleet::change() {
  changed_ = true;
  if (step_ == Step::resting && phase_ == Phase::ready) {
    step_ = Step::naming;
    late_ = false;
    timer_.set(base::deadline(runtime_.now(), kWait));
  }
  advance();
}

// Names that are still asked for are waited for, so that many of them make one snapshot.
void Fleet::advance() {
  if (phase_ == Phase::stopped) return;
  if (step_ == Step::naming && (late_ || discovery_.all_asked())) {
    if (changed_) return make();
    step_ = Step::checking;
  }
  if (step_ == Step::checking && (late_ || prober_.begun())) enter_into_force();
}

void Fleet::on_timer() {
  late_ = true;
  advance();
  // The first clients wait no longer: a snapshot with what is known meanwhile follows.
  if (phase_ == Phase::waiting && step_ == Step::making) {
    phase_ = Phase::ready;
    owner_.on_fleet_ready();
  }
}

void Fleet::make() {
  step_ = Step::making;
  changed_ = false;
  next_ = wanted_;
  wanted_.reason.clear();  // what follows by itself is nobody's wish
  const bool keep = next_.config->reload.guard > base::Duration::zero() && !std::exchange(let_go_, false);
  const auto leaving = keep ? Predecessor::Leaving::kept : Predecessor::Leaving::dropped;
  executor_.run([workshop = workshop_, config = next_.config, overrides = next_.overrides,
                 names = discovery_.names(), before = snapshot_, leaving, now = runtime_.now(),
                 &runtime = runtime_, weak = std::weak_ptr(self_)]() mutable {
    auto made = std::make_shared<std::unique_ptr<const Snapshot>>(std::make_unique<const Snapshot>(
        *config, workshop->nodes, names, Predecessor{before.get(), leaving, now}, *overrides));
    before.reset();
    runtime.post([weak, made] {
      if (const auto fleet = weak.lock()) (*fleet)->on_made(std::move(*made));
    });
  });
}

void Fleet::on_made(std::unique_ptr<const Snapshot> made) {
  next_snapshot_ = share(std::move(made));
  if (phase_ == Phase::stopped) return;
  prober_.watch(*next_snapshot_);
  step_ = Step::checking;
  advance();
}

void Fleet::enter_into_force() {
  timer_.cancel();
  late_ = false;
  step_ = Step::resting;
  if (next_snapshot_) {
    snapshot_ = std::move(next_snapshot_);
    in_force_ = next_;
  }
  snapshot_->apply_limits();
  set_operators();
  ejector_.watch(snapshot_);
  note_weights();
  note_bounds();
  if (snapshot_->keeps_leaving())
    keeping_.begin(in_force_.config->reload.guard);
  else
    keeping_.end();
  if (std::exchange(phase_, Phase::ready) == Phase::waiting)
    owner_.on_fleet_ready();
  else
    owner_.on_snapshot();
  if (changed_ || may_let_go()) change();
}

// Those that take requests again come first, so that there is one at every moment.
void Fleet::set_operators() {
  set_operators([](balancer::Operator word) { return word == balancer::Operator::active; });
  set_operators([](balancer::Operator word) { return word != balancer::Operator::active; });
}

void Fleet::set_operators(bool (*which)(balancer::Operator)) {
  for (const SnapshotPool& pool : snapshot_->pools)
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
      if (which(pool.words[i].state)) set_operator(pool, i);
}

void Fleet::set_operator(const SnapshotPool& pool, std::size_t index) {
  const ListedWords& words = pool.words[index];
  const auto& endpoint = pool.endpoints[index];
  const balancer::Operator before = endpoint->node->state().operator_state;
  if (words.state == balancer::Operator::drain) endpoint->begin_drain(runtime_.now());
  if (!endpoint->node->set_operator(words.state)) return;
  std::string reason = words.state_reason.empty() ? in_force_.reason : words.state_reason;
  endpoint->history.note({.wall_ms = runtime_.wall_ms(),
                          .word = NodeWord::by_operator,
                          .from = std::string(balancer::word(before)),
                          .to = std::string(balancer::word(words.state)),
                          .reason = reason.empty() ? "the configuration says so" : std::move(reason)});
  prober_.changes().note(pool.name, endpoint);
}

// Those of nodes that are new go without saying, but for who added them.
void Fleet::note_weights() {
  for (const SnapshotPool& pool : snapshot_->pools)
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
      const auto& endpoint = pool.endpoints[i];
      const std::uint32_t weight = endpoint->node->state().weight;
      const std::uint32_t before = std::exchange(endpoint->noted_weight, weight);
      const std::string& said = pool.words[i].weight_reason;
      if (before == 0)
        endpoint->history.begin(
            {runtime_.wall_ms(), in_force_.reason.empty() ? "" : "added: " + in_force_.reason});
      else if (before != weight)
        endpoint->history.note({.wall_ms = runtime_.wall_ms(),
                                .word = NodeWord::weight,
                                .from = std::to_string(before),
                                .to = std::to_string(weight),
                                .reason = said.empty() ? in_force_.reason : said});
    }
}

void Fleet::note_bounds() {
  for (const SnapshotPool& pool : snapshot_->pools)
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i) note_bounds(pool, i);
}

// What is learned of a limit is not told, only that it is.
void Fleet::note_bounds(const SnapshotPool& pool, std::size_t index) {
  Endpoint& endpoint = *pool.endpoints[index];
  const ListedWords& words = pool.words[index];
  const Endpoint::Bounds now{words.level, pool.limits[index], pool.most_connections[index]};
  const std::optional<Endpoint::Bounds> before = std::exchange(endpoint.noted_bounds, now);
  if (!before) return;
  const auto note = [&](NodeWord word, auto from, auto to, const std::string& said, auto&& text) {
    if (from != to)
      endpoint.history.note({.wall_ms = runtime_.wall_ms(),
                             .word = word,
                             .from = text(from),
                             .to = text(to),
                             .reason = said.empty() ? in_force_.reason : said});
  };
  note(NodeWord::tier, before->tier, now.tier, words.tier_reason, tier_text);
  note(NodeWord::max_in_flight, before->max_in_flight, now.max_in_flight, words.max_in_flight_reason,
       config::written_limit);
  note(NodeWord::max_connections, before->max_connections, now.max_connections, words.max_connections_reason,
       config::written_limit);
}

void Fleet::on_changes(std::shared_ptr<const NodeChanges> changes) {
  if (phase_ != Phase::ready) return;
  owner_.on_nodes_changed(std::move(changes));
  if (step_ == Step::resting && may_let_go()) change();
}

// In a pool that keeps nodes which were removed, another one takes requests by now.
bool Fleet::may_let_go() const {
  return std::any_of(snapshot_->pools.begin(), snapshot_->pools.end(), [](const SnapshotPool& pool) {
    const auto end = pool.endpoints.end() - static_cast<std::ptrdiff_t>(pool.leaving);
    return pool.leaving > 0 && std::any_of(pool.endpoints.begin(), end,
                                           [](const auto& endpoint) { return endpoint->node->eligible(); });
  });
}

void Fleet::on_kept_for_long() {
  for (const SnapshotPool& pool : snapshot_->pools)
    if (pool.leaving > 0)
      base::log_warning(
          "pool {}: none of its nodes takes requests; {} that had been removed no longer serve on", pool.name,
          pool.leaving);
  let_go_ = true;
  change();
}

std::shared_ptr<const Snapshot> Fleet::share(std::unique_ptr<const Snapshot> snapshot) const {
  auto end = [&executor = executor_, workshop = workshop_](const Snapshot* made) {
    executor.run([workshop, made = std::shared_ptr<const Snapshot>(made)]() mutable {
      made.reset();
      workshop->nodes.drop_unused();
    });
  };
  return {snapshot.release(), end};
}

}  // namespace weir::core
