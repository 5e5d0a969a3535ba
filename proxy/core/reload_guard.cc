#include "proxy/core/reload_guard.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace weir::core {

void ReloadGuard::use(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
}

void ReloadGuard::trust(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  samples_ = 0;
  until_ = base::kNever;
  remembered_.clear();
  note_usual();
}

void ReloadGuard::begin(std::shared_ptr<const Snapshot> snapshot) {
  if (!watching() && samples_ > 0) before_ = standing();
  snapshot_ = std::move(snapshot);
  begin_ = counts_of(*snapshot_);
  samples_ = 0;
  until_ = base::deadline(runtime_.now(), snapshot_->config.reload.guard);
  timer_.set(std::min(until_, runtime_.now() + kLookEach));
}

PoolStandings ReloadGuard::standing() const {
  PoolStandings standing;
  if (!snapshot_ || samples_ == 0) return standing;
  Standings pools = latest_;
  add_answers(pools, *snapshot_, usual_[samples_ < kSamples ? 0 : samples_ % kSamples],
              counts_of(*snapshot_));
  for (std::size_t i = 0; i < pools.size(); ++i) {
    policy::PoolStanding& pool = standing[snapshot_->pools[i].name] = pools[i];
    const auto before = remembered_.find(snapshot_->pools[i].name);
    if (samples_ >= kSamples || before == remembered_.end()) continue;
    pool.answers += before->second.answers;
    pool.errors += before->second.errors;
  }
  return standing;
}

void ReloadGuard::stop() {
  timer_.cancel();
  until_ = base::kNever;
  snapshot_.reset();
}

void ReloadGuard::on_timer() {
  if (watching()) return look(runtime_.now() >= until_ ? policy::Moment::at_end : policy::Moment::during);
  note_usual();
}

void ReloadGuard::look(policy::Moment moment) {
  Standings now = nodes_of(*snapshot_);
  add_answers(now, *snapshot_, begin_, counts_of(*snapshot_));
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::string& name = snapshot_->pools[i].name;
    const auto found = before_.find(name);
    const auto before = found == before_.end() ? std::nullopt : std::optional(found->second);
    const auto why = policy::objection(now[i], before, snapshot_->config.reload.min_healthy, moment);
    if (!why) continue;
    trust(snapshot_);
    return owner_.on_guard_failed(fmt::format("pool {}: {}", name, *why));
  }
  if (moment == policy::Moment::during) return timer_.set(std::min(until_, runtime_.now() + kLookEach));
  trust(snapshot_);
  owner_.on_guard_over();
}

void ReloadGuard::note_usual() {
  usual_[samples_++ % kSamples] = counts_of(*snapshot_);
  latest_ = nodes_of(*snapshot_);
  timer_.set(runtime_.now() + kUsualEach);
}

// Nodes that were removed, and serve on, are not what the configuration is judged by.
ReloadGuard::Standings ReloadGuard::nodes_of(const Snapshot& snapshot) {
  Standings standings;
  standings.reserve(snapshot.pools.size());
  for (const SnapshotPool& pool : snapshot.pools) {
    policy::PoolStanding& standing = standings.emplace_back();
    for (std::size_t i = 0; i + pool.leaving < pool.endpoints.size(); ++i) {
      const balancer::NodeState state = pool.endpoints[i]->node->state();
      if (state.operator_state != balancer::Operator::active || state.agent != balancer::Agent::up) continue;
      ++standing.wanted;
      // Of those that serve only since too few others do, the configuration may be what ails them.
      standing.eligible += state.bar() == balancer::Bar::none ? 1 : 0;
      standing.undecided += state.health == balancer::Health::awaited ? 1 : 0;
    }
  }
  return standings;
}

ReloadGuard::Counts ReloadGuard::counts_of(const Snapshot& snapshot) {
  Counts counts;
  counts.reserve(snapshot.routes.size());
  for (const SnapshotRoute& route : snapshot.routes) {
    Counted& counted = counts.emplace_back();
    for (const observe::RouteShare& share : *route.counts) {
      for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
        counted.answers += share.answers.get(digit);
      counted.errors += share.answers.get(5);
    }
  }
  return counts;
}

void ReloadGuard::add_answers(Standings& to, const Snapshot& snapshot, const Counts& since,
                              const Counts& until) {
  for (std::size_t i = 0; i < snapshot.routes.size() && i < since.size(); ++i) {
    policy::PoolStanding& standing = to[snapshot.routes[i].pool];
    standing.answers += until[i].answers - since[i].answers;
    standing.errors += until[i].errors - since[i].errors;
  }
}

}  // namespace weir::core
