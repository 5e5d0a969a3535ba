#include "proxy/core/fleet.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"

namespace weir::core {

Fleet::Fleet(io::Runtime& runtime, base::Executor& executor, std::shared_ptr<const config::Config> config,
             FleetOwner& owner, std::size_t workers, std::uint64_t seed, std::size_t most_checks)
    : runtime_(runtime),
      executor_(executor),
      owner_(owner),
      config_(std::move(config)),
      next_config_(config_),
      config_in_force_(config_),
      workshop_(std::make_shared<Workshop>(workers)),
      self_(std::make_shared<Fleet*>(this)),
      timer_(runtime.timers(), *this),
      discovery_(
          runtime, [this] { on_names_changed(); }, [this] { advance(); }),
      prober_(
          runtime, seed, most_checks,
          [this](std::shared_ptr<const NodeChanges> changes) { on_changes(std::move(changes)); },
          [this] { advance(); }),
      keeping_(*this),
      snapshot_(share(std::make_unique<const Snapshot>(*config_, workshop_->nodes, ResolvedNames{}))) {
  set_operators();
}

Fleet::~Fleet() = default;

void Fleet::start() {
  discovery_.watch(*config_);
  prober_.watch(*snapshot_);
  step_ = Step::naming;
  timer_.set(base::deadline(runtime_.now(), kWait));
  advance();
}

void Fleet::configure(std::shared_ptr<const config::Config> config) {
  config_ = std::move(config);
  discovery_.watch(*config_);
  leaving_ = Predecessor::Leaving::kept;
  keeping_.end();
  change();
}

void Fleet::stop() {
  phase_ = Phase::stopped;
  timer_.cancel();
  keeping_.end();
  prober_.stop();
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
  next_config_ = config_;
  executor_.run([workshop = workshop_, config = config_, names = discovery_.names(), before = snapshot_,
                 leaving = std::exchange(leaving_, Predecessor::Leaving::kept), &runtime = runtime_,
                 weak = std::weak_ptr(self_)]() mutable {
    auto made = std::make_shared<std::unique_ptr<const Snapshot>>(std::make_unique<const Snapshot>(
        *config, workshop->nodes, names, Predecessor{before.get(), leaving}));
    before.reset();
    runtime.post([weak, made] {
      if (const auto fleet = weak.lock()) (*fleet)->on_made(std::move(*made));
    });
  });
}

void Fleet::on_made(std::unique_ptr<const Snapshot> made) {
  next_ = share(std::move(made));
  if (phase_ == Phase::stopped) return;
  prober_.watch(*next_);
  step_ = Step::checking;
  advance();
}

void Fleet::enter_into_force() {
  timer_.cancel();
  late_ = false;
  step_ = Step::resting;
  if (next_) {
    snapshot_ = std::move(next_);
    config_in_force_ = next_config_;
  }
  set_operators();
  if (snapshot_->keeps_leaving())
    keeping_.begin();
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
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
      if (!which(pool.operators[i])) continue;
      const auto& endpoint = pool.endpoints[i];
      const balancer::Operator word = endpoint->node->state().operator_state;
      if (!endpoint->node->set_operator(pool.operators[i])) continue;
      endpoint->history.note({.wall_ms = runtime_.wall_ms(),
                              .word = NodeWord::by_operator,
                              .from = balancer::word(word),
                              .to = balancer::word(pool.operators[i]),
                              .reason = "the configuration says so"});
      prober_.changes().note(pool.name, endpoint);
    }
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
  leaving_ = Predecessor::Leaving::dropped;
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
